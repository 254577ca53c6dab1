//! The protocol definitions, compared with the tables they were written from: nothing missing, nothing more.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[test]
fn the_provider_protocol_is_the_published_one() {
    let table = include_str!("../data/tfplugin6-fields.tsv");
    // The last column says since when, which is not in the definitions.
    compare("tfplugin6", table.lines().skip(1).map(|row| row.rsplit_once('\t').expect("columns").0));
}

#[test]
fn the_host_services_are_the_published_ones() {
    compare("plugin", include_str!("../data/plugin-fields.tsv").lines().skip(1));
}

#[track_caller]
fn compare<'a>(package: &str, published: impl Iterator<Item = &'a str>) {
    let published: BTreeSet<String> = published.map(str::to_owned).collect();
    let compiled: BTreeSet<String> = rows(package).into_iter().collect();
    assert!(published.len() > 10, "the table is there");
    let missing: Vec<_> = published.difference(&compiled).collect();
    let more: Vec<_> = compiled.difference(&published).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing in proto/: {missing:#?}\nonly in proto/: {more:#?}");
}

/// What is compiled, in the table's columns: kind, message, name, number, type, label, value kind, note.
fn rows(package: &str) -> Vec<String> {
    let all = FileDescriptorSet::decode(COMPILED).expect("build.rs wrote it");
    let mut rows = Vec::new();
    for file in all.file.iter().filter(|file| file.package() == package) {
        assert_eq!(file.syntax(), "proto3");
        let of = Of { package, file };
        file.message_type.iter().for_each(|message| of.message("", message, &mut rows));
        file.enum_type.iter().for_each(|words| enumeration("", words, &mut rows));
        of.calls(&mut rows);
    }
    rows
}

struct Of<'a> {
    package: &'a str,
    file: &'a FileDescriptorProto,
}

impl Of<'_> {
    fn message(&self, outer: &str, message: &DescriptorProto, rows: &mut Vec<String>) {
        let name = format!("{outer}{}", message.name());
        if message.field.is_empty() {
            rows.push(row(["message", &name, "-", "-", "-", "-", "no-fields", ""]));
        }
        for field in &message.field {
            let entry = message
                .nested_type
                .iter()
                .filter(|nested| nested.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry))
                .find(|nested| field.type_name().ends_with(&format!(".{}", nested.name())));
            let (kind, label, value_kind) = match entry {
                Some(entry) => {
                    let [key, value] = &entry.field[..] else { panic!("an entry has a key and a value") };
                    (format!("map<{}, {}>", self.kind(key), self.kind(value)), "map", "map")
                }
                None => (self.kind(field), label(field), value_kind(field)),
            };
            let choice = field.oneof_index.filter(|_| !field.proto3_optional());
            let note = match choice {
                Some(index) => {
                    let index = usize::try_from(index).expect("an index");
                    format!("oneof {}", message.oneof_decl[index].name())
                }
                None if field.options.as_ref().is_some_and(prost_types::FieldOptions::deprecated) => {
                    "deprecated".to_owned()
                }
                None => String::new(),
            };
            let number = field.number().to_string();
            rows.push(row(["field", &name, field.name(), &number, &kind, label, value_kind, &note]));
        }
        let inside = format!("{name}.");
        for nested in &message.nested_type {
            if !nested.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry) {
                self.message(&inside, nested, rows);
            }
        }
        message.enum_type.iter().for_each(|words| enumeration(&inside, words, rows));
    }

    fn calls(&self, rows: &mut Vec<String>) {
        for service in &self.file.service {
            let name = format!("{}.{}", self.package, service.name());
            for call in &service.method {
                let types = format!("{} -> {}", self.relative(call.input_type()), self.relative(call.output_type()));
                let word = |streaming| if streaming { "stream" } else { "unary" };
                let flow = format!("{} -> {}", word(call.client_streaming()), word(call.server_streaming()));
                rows.push(row(["rpc", &name, call.name(), "-", &types, &flow, "rpc", ""]));
            }
        }
    }

    fn kind(&self, field: &FieldDescriptorProto) -> String {
        match field.r#type() {
            Type::Message | Type::Enum => self.relative(field.type_name()),
            scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        }
    }

    /// A type's name as seen from within the package.
    fn relative(&self, name: &str) -> String {
        let name = name.strip_prefix('.').expect("names are absolute");
        name.strip_prefix(&format!("{}.", self.package)).unwrap_or(name).to_owned()
    }
}

fn enumeration(outer: &str, words: &EnumDescriptorProto, rows: &mut Vec<String>) {
    let name = format!("{outer}{}", words.name());
    for value in &words.value {
        rows.push(row(["enum_value", &name, value.name(), &value.number().to_string(), "-", "-", "enum", ""]));
    }
}

fn label(field: &FieldDescriptorProto) -> &'static str {
    match field.label() {
        Label::Repeated => "repeated",
        _ if field.proto3_optional() => "optional",
        _ => "singular",
    }
}

fn value_kind(field: &FieldDescriptorProto) -> &'static str {
    match field.r#type() {
        Type::Message => "message",
        Type::Enum => "enum",
        _ => "scalar",
    }
}

fn row(columns: [&str; 8]) -> String {
    columns.join("\t")
}
