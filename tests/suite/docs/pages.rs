//! Schema in, Markdown pages out, in the Registry's layout. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::support::proto::tfplugin6 as tf;

/// Example files: path below `examples/`, text.
pub(super) type Examples = BTreeMap<String, String>;

/// What the pages are made of.
pub(super) struct Sources {
    /// What the provider says it offers.
    pub(super) schema: tf::get_provider_schema::Response,
    /// What identifies its resources.
    pub(super) identities: BTreeMap<String, tf::ResourceIdentitySchema>,
    /// The files that the pages show.
    pub(super) examples: Examples,
}

/// A kind of thing that a provider offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Its folder below `docs/` and `examples/`.
    pub(super) folder: &'static str,
    /// The word in titles.
    title: &'static str,
}

const RESOURCE: Kind = Kind { folder: "resources", title: "Resource" };
const DATA_SOURCE: Kind = Kind { folder: "data-sources", title: "Data Source" };
const EPHEMERAL: Kind = Kind { folder: "ephemeral-resources", title: "Ephemeral Resource" };
const LIST: Kind = Kind { folder: "list-resources", title: "List Resource" };
const ACTION: Kind = Kind { folder: "actions", title: "Action" };
const FUNCTION: Kind = Kind { folder: "functions", title: "Function" };

const PROVIDER: &str = "huaweidb";

/// Everything with a schema that the provider offers.
fn described(schema: &tf::get_provider_schema::Response) -> Vec<(Kind, &String, &tf::Schema)> {
    let mut all = Vec::new();
    let kinds = [
        (RESOURCE, &schema.resource_schemas),
        (DATA_SOURCE, &schema.data_source_schemas),
        (EPHEMERAL, &schema.ephemeral_resource_schemas),
        (LIST, &schema.list_resource_schemas),
    ];
    for (kind, schemas) in kinds {
        all.extend(schemas.iter().map(|(name, schema)| (kind, name, schema)));
    }
    let actions = schema.action_schemas.iter();
    all.extend(actions.filter_map(|(name, action)| Some((ACTION, name, action.schema.as_ref()?))));
    all
}

/// Everything that must have a page, by its full name.
pub(super) fn offered(schema: &tf::get_provider_schema::Response) -> Vec<(Kind, String)> {
    let described = described(schema).into_iter().map(|(kind, name, _)| (kind, name.clone()));
    described.chain(schema.functions.keys().map(|name| (FUNCTION, name.clone()))).collect()
}

/// The name without the provider's prefix, as files are called.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("huaweidb_").unwrap_or(name)
}

/// All pages: path below `docs/`, text.
pub(super) fn render(sources: &Sources) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    pages.insert("index.md".to_owned(), index(sources));
    for (kind, name, schema) in described(&sources.schema) {
        pages.insert(format!("{}/{}.md", kind.folder, short(name)), thing(sources, kind, name, schema));
    }
    for (name, function) in &sources.schema.functions {
        pages.insert(format!("{}/{name}.md", FUNCTION.folder), function_page(sources, name, function));
    }
    pages.into_iter().map(|(path, text)| (path, format!("{}\n", text.trim_end()))).collect()
}

fn front_matter(title: &str, description: &str) -> String {
    let mut text = format!("---\npage_title: \"{title}\"\nsubcategory: \"\"\ndescription: |-\n");
    for line in description.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("---\n\n");
    text
}

fn block_of(schema: Option<&tf::Schema>) -> tf::schema::Block {
    schema.and_then(|schema| schema.block.clone()).unwrap_or_default()
}

fn index(sources: &Sources) -> String {
    let block = block_of(sources.schema.provider.as_ref());
    // The registry's own checker wants no subcategory here, unlike on every other page.
    let mut page = front_matter("Provider: huaweidb", &block.description).replacen("subcategory: \"\"\n", "", 1);
    let _ = write!(page, "# huaweidb Provider\n\n{}\n\n", block.description);
    page.push_str(&notes(sources, "provider"));
    page.push_str(&usage(sources, "provider"));
    page.push_str(&schema_section(&block));
    page
}

fn thing(sources: &Sources, kind: Kind, name: &str, schema: &tf::Schema) -> String {
    let block = block_of(Some(schema));
    let folder = format!("{}/{name}", kind.folder);
    let mut page = front_matter(&format!("{name} {} - {PROVIDER}", kind.title), &block.description);
    let _ = write!(page, "# {name} ({})\n\n{}\n\n", kind.title, block.description);
    page.push_str(&deprecation(block.deprecated, &block.deprecation_message));
    page.push_str(&notes(sources, &folder));
    page.push_str(&usage(sources, &folder));
    page.push_str(&schema_section(&block));
    if kind == RESOURCE {
        page.push_str(&import(sources, name, &folder));
    }
    page
}

fn deprecation(deprecated: bool, message: &str) -> String {
    match (deprecated, message) {
        (false, "") => String::new(),
        (_, "") => "~> **Deprecated.**\n\n".to_owned(),
        (_, message) => format!("~> **Deprecated:** {message}\n\n"),
    }
}

fn notes(sources: &Sources, folder: &str) -> String {
    sources.examples.get(&format!("{folder}/notes.md")).map_or_else(String::new, |text| format!("{}\n\n", text.trim()))
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n\n", text.trim())
}

/// The configurations of a folder, the plainest name first. Those about import have a section of their own.
fn usage(sources: &Sources, folder: &str) -> String {
    let begin = format!("{folder}/");
    let mut files: Vec<(&str, &str)> = sources
        .examples
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(&begin)?, text.as_str())))
        .filter(|(name, _)| !name.contains('/') && !name.starts_with("import"))
        .filter(|(name, _)| [".tf", ".tfquery.hcl"].iter().any(|ending| name.ends_with(ending)))
        .collect();
    files.sort_by_key(|(name, _)| (name.len(), *name));
    if files.is_empty() {
        return String::new();
    }
    let mut text = "## Example Usage\n\n".to_owned();
    for (_, file) in files {
        text.push_str(&fenced("terraform", file));
    }
    text
}

fn import(sources: &Sources, name: &str, folder: &str) -> String {
    let find = |file: &str| sources.examples.get(&format!("{folder}/{file}"));
    let mut text = "## Import\n\n".to_owned();
    if let Some(file) = find("import.tf") {
        text.push_str("An `import` block brings an existing object under management with the next apply:\n\n");
        text.push_str(&fenced("terraform", file));
    }
    if let Some(file) = find("import-generated.tf") {
        text.push_str(
            "Where the object has no `resource` block yet, `terraform plan -generate-config-out=found.tf` writes one. For \
             that, and only for that, the `import` block names the provider: take that line out before the apply, and the \
             block after it.\n\n",
        );
        text.push_str(&fenced("terraform", file));
    }
    if let Some(identity) = sources.identities.get(name) {
        text.push_str("From Terraform 1.12 on the block may give the identity instead of an id:\n\n");
        if let Some(file) = find("import-by-identity.tf") {
            text.push_str(&fenced("terraform", file));
        }
        text.push_str("### Identity Schema\n\n");
        for (title, required) in [("Required", true), ("Optional", false)] {
            let attributes = identity.identity_attributes.iter().filter(|one| one.required_for_import == required);
            let lines: Vec<_> = attributes.collect();
            if lines.is_empty() {
                continue;
            }
            let _ = write!(text, "#### {title}\n\n");
            for one in lines {
                let _ = writeln!(text, "- `{}` ({}) {}", one.name, type_name(&one.r#type), one.description);
            }
            text.push('\n');
        }
    }
    if let Some(file) = find("import.sh") {
        text.push_str("The command does the same at once:\n\n");
        text.push_str(&fenced("shell", file));
    }
    format!("{}\n", text.trim_end())
}

fn function_page(sources: &Sources, name: &str, function: &tf::Function) -> String {
    let mut page = front_matter(&format!("{name} function - {PROVIDER}"), &function.summary);
    let _ = write!(page, "# function: {name}\n\n{}\n\n", function.description);
    page.push_str(&deprecation(false, &function.deprecation_message));
    page.push_str(&usage(sources, &format!("{}/{name}", FUNCTION.folder)));
    let mut parameters: Vec<String> =
        function.parameters.iter().map(|one| format!("{} {}", one.name, signature_type(&one.r#type))).collect();
    if let Some(rest) = &function.variadic_parameter {
        parameters.push(format!("{} {}...", rest.name, signature_type(&rest.r#type)));
    }
    let returns = function.r#return.as_ref().map_or_else(String::new, |one| signature_type(&one.r#type));
    page.push_str("## Signature\n\n");
    page.push_str(&fenced("text", &format!("{name}({}) {returns}", parameters.join(", "))));
    page.push_str("## Arguments\n\n");
    for (index, one) in function.parameters.iter().chain(&function.variadic_parameter).enumerate() {
        let null = if one.allow_null_value { ", Nullable" } else { "" };
        let many = if index == function.parameters.len() { "Variadic, " } else { "" };
        let _ = writeln!(
            page,
            "{}. `{}` ({many}{}{null}) {}",
            index + 1,
            one.name,
            type_name(&one.r#type),
            one.description
        );
    }
    page
}

/// A section that is to be written after the one at hand.
struct Nested {
    path: String,
    anchor: String,
    block: tf::schema::Block,
}

fn schema_section(block: &tf::schema::Block) -> String {
    let mut text = "## Schema\n\n".to_owned();
    let mut later = Vec::new();
    members(block, "", "###", &mut text, &mut later);
    while !later.is_empty() {
        let nested = later.remove(0);
        let _ = write!(text, "<a id=\"{}\"></a>\n### Nested Schema for `{}`\n\n", nested.anchor, nested.path);
        let mut deeper = Vec::new();
        members(&nested.block, &nested.path, "####", &mut text, &mut deeper);
        later.splice(0..0, deeper);
    }
    text
}

/// One list per heading, in the schema's order.
fn members(block: &tf::schema::Block, path: &str, heading: &str, text: &mut String, later: &mut Vec<Nested>) {
    let mut lists: [(&str, Vec<String>); 3] =
        [("Required", Vec::new()), ("Optional", Vec::new()), ("Read-Only", Vec::new())];
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for one in &block.attributes {
        let mut kind = type_name(&one.r#type);
        let mut more = String::new();
        if let Some(object) = &one.nested_type {
            let word = match object.nesting() {
                tf::schema::object::NestingMode::List => "Attributes List",
                tf::schema::object::NestingMode::Set => "Attributes Set",
                tf::schema::object::NestingMode::Map => "Attributes Map",
                _ => "Attributes",
            };
            word.clone_into(&mut kind);
            let nested = tf::schema::Block { attributes: object.attributes.clone(), ..Default::default() };
            more = see(&below(&one.name), "nestedatt", nested, later);
        }
        for (holds, word) in [(one.sensitive, "Sensitive"), (one.write_only, "Write-only")] {
            if holds {
                let _ = write!(kind, ", {word}");
            }
        }
        if one.deprecated {
            kind.push_str(", Deprecated");
        }
        let list = if one.required {
            0
        } else if one.optional {
            1
        } else {
            2
        };
        lists[list].1.push(format!("- `{}` ({kind}) {}{more}", one.name, inline(&one.description)));
    }
    for one in &block.block_types {
        let kind = match one.nesting() {
            tf::schema::nested_block::NestingMode::List => "Block List",
            tf::schema::nested_block::NestingMode::Set => "Block Set",
            tf::schema::nested_block::NestingMode::Map => "Block Map",
            _ => "Block",
        };
        let limits = match (one.min_items, one.max_items) {
            (_, 0) => String::new(),
            (0, max) => format!(", Max: {max}"),
            (min, max) => format!(", Min: {min}, Max: {max}"),
        };
        let inner = one.block.clone().unwrap_or_default();
        let description = inline(&inner.description);
        let more = see(&below(&one.type_name), "nestedblock", inner, later);
        let line = format!("- `{}` ({kind}{limits}) {description}{more}", one.type_name);
        lists[usize::from(one.min_items == 0)].1.push(line);
    }
    for (title, lines) in lists.iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = write!(text, "{heading} {title}\n\n{}\n\n", lines.join("\n"));
    }
}

fn see(path: &str, kind: &str, block: tf::schema::Block, later: &mut Vec<Nested>) -> String {
    let anchor = format!("{kind}--{}", path.replace('.', "--"));
    let text = format!(" (see [below for nested schema](#{anchor}))");
    later.push(Nested { path: path.to_owned(), anchor, block });
    text
}

/// Prose in one line; the lists in it keep their lines.
fn inline(text: &str) -> String {
    let mut lines = text.split("\n  ");
    let prose = lines.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    lines.fold(prose, |text, line| format!("{text}\n  {line}"))
}

/// A type as the reference pages write it.
fn type_name(json: &[u8]) -> String {
    serde_json::from_slice(json).map_or_else(|_| String::new(), |json| worded(&json))
}

fn worded(json: &Json) -> String {
    match json {
        Json::String(word) => match word.as_str() {
            "string" => "String",
            "number" => "Number",
            "bool" => "Boolean",
            _ => "Dynamic",
        }
        .to_owned(),
        Json::Array(parts) => match parts[0].as_str() {
            Some("object") => "Object".to_owned(),
            Some("tuple") => "Tuple".to_owned(),
            Some(collection) => {
                let (first, rest) = collection.split_at(1);
                format!("{}{rest} of {}", first.to_uppercase(), worded(&parts[1]))
            }
            None => String::new(),
        },
        _ => String::new(),
    }
}

/// A type as configurations write it.
fn signature_type(json: &[u8]) -> String {
    serde_json::from_slice(json).map_or_else(|_| String::new(), |json| written(&json))
}

fn written(json: &Json) -> String {
    match json {
        Json::String(word) => word.clone(),
        Json::Array(parts) => match (parts[0].as_str().unwrap_or_default(), &parts[1]) {
            ("object", Json::Object(members)) => {
                let members: Vec<_> = members.iter().map(|(name, ty)| format!("{name} = {}", written(ty))).collect();
                format!("object({{{}}})", members.join(", "))
            }
            (collection, element) => format!("{collection}({})", written(element)),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{short, signature_type, type_name};

    #[test]
    fn types_read_as_people_write_them() {
        for (json, named, signature) in [
            (r#""string""#, "String", "string"),
            (r#"["list","number"]"#, "List of Number", "list(number)"),
            (r#"["map",["set","bool"]]"#, "Map of Set of Boolean", "map(set(bool))"),
            (r#"["object",{"a":"string"}]"#, "Object", "object({a = string})"),
            (r#""dynamic""#, "Dynamic", "dynamic"),
        ] {
            assert_eq!(type_name(json.as_bytes()), named);
            assert_eq!(signature_type(json.as_bytes()), signature);
        }
        assert_eq!(short("huaweidb_backup"), "backup");
        assert_eq!(short("parse_id"), "parse_id");
    }
}
