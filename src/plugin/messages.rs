//! What this floor says when something goes wrong that the provider on top of it never lets happen.

use std::fmt::Write as _;

use super::{Attr, Attribute, Diagnostic, Diagnostics, Mismatch, Schema, Severity, Step, Type, Value};
use super::{erased, lifecycle, resource, rpc};

#[test]
fn what_only_a_bug_or_an_old_host_brings_up() {
    let schema = Schema::new("A thing.")
        .attribute(Attribute::string("id").computed().describe("The id."))
        .attribute(Attribute::string("name").required().describe("The name."))
        .attribute(Attribute::string("secret").write_only().describe("A secret."));
    let config = Value::object([("id", "x".into()), ("name", Value::Null), ("secret", "hush".into())]);
    let size = || Mismatch::new("a number is required, not a string").within(Step::Attribute("size".to_owned()));
    let panic: Box<dyn std::any::Any + Send> = Box::new("index out of bounds");
    let mut said = lifecycle::validate(&schema.block, &config, false);
    said.push(lifecycle::unexpected(size(), Diagnostic::error));
    said.push(lifecycle::unexpected(Mismatch::new("differs from what was planned"), Diagnostic::warning));
    said.push(erased::bug(panic.as_ref()));
    said.extend(erased::or_unexplained(Diagnostics::new()));
    said.push(resource::too_old(1));
    said.push(rpc::done(&["Stopping the backup b1".to_owned(), "The backup b1 is stopped.".to_owned()]));
    said.push(rpc::no_identity("nightly (COMPLETED)"));
    said.extend(erased::typed::<Attr<i64>>(Value::from("much")).expect_err("a text is no number"));
    said.extend(rpc::write(&Value::from("much"), &Type::Number).expect_err("a text is no number"));
    let mut page = String::new();
    for one in &said {
        let kind = if one.severity == Severity::Error { "Error" } else { "Warning" };
        let at = one.path.as_ref().map_or(String::new(), |path| format!(" [at {path}]"));
        assert!(one.detail.ends_with('.') && !one.detail.contains("null"), "{}", one.detail);
        let _ = writeln!(page, "{kind}: {}{at}\n{}\n", one.summary, one.detail);
    }
    insta::assert_snapshot!("messages", page);
}
