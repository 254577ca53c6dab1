//! One form for each meaning. An optional argument can say nothing in many ways: null, an empty text, an empty collection, a
//! map of those. They mean the same, so that a resource sees one of them only, and nothing is changed or replaced because of
//! another. Terraform insists on what was written: plans and states keep those words.

use std::collections::BTreeMap;

use super::rework::{Contents, rework};
use super::schema::Compiled;
use super::{Attribute, Mode, NestedBlock, Nesting, Value};

impl Value {
    /// The value without whatever says nothing: an empty text and an empty collection are null, and a map has no members
    /// of which that is true.
    pub(super) fn essence(&self) -> Value {
        match self.bare() {
            Value::String(text) if text.is_empty() => Value::Null,
            Value::List(elements) if elements.is_empty() => Value::Null,
            Value::Map(members) => {
                let said = members.iter().map(|(key, member)| (key, member.essence()));
                let said = said.filter(|(_, member)| !member.is_null());
                let said: BTreeMap<_, _> = said.map(|(key, member)| (key.clone(), member)).collect();
                if said.is_empty() { Value::Null } else { Value::Map(said) }
            }
            _ => self.clone(),
        }
    }
}

/// Whether nothing can be said in several ways: where a user may leave something out. An object with attributes of its own
/// is not one value.
fn may_be_left_out(attribute: &Attribute) -> bool {
    matches!(attribute.mode, Mode::Optional | Mode::OptionalComputed) && !attribute.write_only && attribute.is_plain()
}

/// The value of the attribute without whatever says nothing.
fn essence(attribute: &Attribute, value: &Value) -> Value {
    if attribute.same_as_absent.as_ref() == Some(value) { Value::Null } else { value.essence() }
}

/// What a value of the attribute means.
fn meaning(attribute: &Attribute, value: &Value) -> Value {
    if !may_be_left_out(attribute) {
        return value.clone();
    }
    match (essence(attribute, value), &attribute.default) {
        (Value::Null, Some(default)) if !value.is_null() => default.clone(),
        (essence, _) => essence,
    }
}

/// Whether two values of the attribute mean the same.
pub(super) fn alike(attribute: &Attribute, left: &Value, right: &Value) -> bool {
    let meaning = |value| ordered(attribute.unordered, meaning(attribute, value));
    meaning(left).means(&meaning(right), &attribute.value_type())
}

/// A list in the one form that all its orders have, if its order means nothing.
fn ordered(unordered: bool, list: Value) -> Value {
    if unordered { list.as_set() } else { list }
}

/// The contents in the form in which they are compared: whatever has no order, in one order.
pub(super) fn compared(contents: Contents<'_>, mut object: Value) -> Value {
    let Value::Map(members) = &mut object else { return object };
    for attribute in contents.attributes {
        if let Some(member) = members.get_mut(attribute.name) {
            *member = ordered(attribute.unordered, std::mem::take(member));
        }
    }
    for nested in contents.blocks {
        let Some(member) = members.get_mut(nested.name) else { continue };
        *member = compared_block(nested, std::mem::take(member));
    }
    object
}

/// The same of one kind of blocks.
pub(super) fn compared_block(nested: &NestedBlock, blocks: Value) -> Value {
    let contents = Contents::from(&nested.block);
    let blocks = match blocks {
        Value::List(elements) => Value::List(elements.into_iter().map(|element| compared(contents, element)).collect()),
        Value::Map(_) if matches!(nested.nesting, Nesting::Single | Nesting::Group) => compared(contents, blocks),
        other => other,
    };
    ordered(nested.unordered, blocks)
}

/// The object in the form that resources see, the `timeouts` block taken off: where nothing is said, the default, or null.
pub(super) fn plain(compiled: &Compiled, object: Value) -> Value {
    let own = object.clone();
    let object =
        rework(compiled.block().into(), object, &own, false, &|attribute, value, _, _| meaning(attribute, &value));
    compiled.without_timeouts(object)
}

/// A configuration in the same form: where nothing is said, it is null.
pub(super) fn configured(compiled: &Compiled, config: Value) -> Value {
    let own = config.clone();
    rework(compiled.block().into(), config, &own, false, &|attribute, value, _, _| {
        if says_nothing(attribute, &value) { Value::Null } else { meaning(attribute, &value) }
    })
}

/// Whether something is written that says nothing.
pub(super) fn says_nothing(attribute: &Attribute, written: &Value) -> bool {
    may_be_left_out(attribute) && !written.is_null() && essence(attribute, written).is_null()
}

/// What to plan for an argument that is written: the old words where they mean the same, or where nothing is said and the
/// object keeps what it has; else what is written.
pub(super) fn planned(attribute: &Attribute, written: Value, prior: &Value) -> Value {
    let keeps = says_nothing(attribute, &written)
        && attribute.mode == Mode::OptionalComputed
        && attribute.is_kept()
        && attribute.default.is_none();
    let may_stay = may_be_left_out(attribute) && !prior.is_null();
    if may_stay && (keeps || alike(attribute, &written, prior)) { prior.clone() } else { written }
}

/// `object` in the words of another version of it wherever they mean the same.
pub(super) fn in_words_of(compiled: &Compiled, words: &Value, object: Value) -> Value {
    rework(compiled.block().into(), object, words, false, &|attribute, value, words, _| {
        if alike(attribute, &value, words) { words.clone() } else { value }
    })
}

/// `object` with what is written wherever that says nothing: Terraform lets nothing else stand in its place.
pub(super) fn as_written(compiled: &Compiled, written: &Value, object: Value) -> Value {
    rework(compiled.block().into(), object, written, false, &|attribute, value, written, _| {
        if says_nothing(attribute, written) { written.clone() } else { value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{NestedBlock, Schema, Type};

    fn map(members: &[(&str, Value)]) -> Value {
        Value::object(members.iter().map(|(key, value)| (*key, value.clone())))
    }

    /// Every way to say nothing.
    fn nothings() -> [Value; 6] {
        let members = [map(&[("v", Value::Null)]), map(&[("v", "".into())])];
        let [nulls, empties] = members;
        [Value::Null, "".into(), map(&[]), nulls, empties, Value::List(Vec::new())]
    }

    #[test]
    fn every_form_of_nothing_is_one() {
        for one in nothings() {
            assert_eq!(one.essence(), Value::Null, "{one:?}");
        }
        for said in [
            " ".into(),
            Value::UNKNOWN,
            Value::Bool(false),
            map(&[("v", Value::UNKNOWN)]),
            Value::List(vec!["".into()]),
        ] {
            assert_eq!(said.essence(), said);
        }
        let one = map(&[("a", "1".into()), ("b", Value::Null), ("c", "".into())]);
        assert_eq!(one.essence(), map(&[("a", "1".into())]));
    }

    #[test]
    fn only_what_may_be_left_out_can_say_nothing() {
        let schema = Schema::new("A thing.")
            .attribute(Attribute::string("needed").required().describe("Needed."))
            .attribute(Attribute::string("mode").optional().default("fast").describe("Mode."))
            .attribute(Attribute::string("place").optional_computed().keeps().describe("Place."))
            .attribute(Attribute::map("labels", Type::String).optional().describe("Labels."))
            .block(
                NestedBlock::list("rule", "A rule.")
                    .attribute(Attribute::list("only", Type::String).optional().describe("Only.")),
            );
        let compiled = Compiled::new(schema);
        let rule = |only| Value::List(vec![map(&[("only", only)])]);
        let written = map(&[
            ("needed", "".into()),
            ("mode", "".into()),
            ("place", "".into()),
            ("labels", map(&[])),
            ("rule", rule(Value::List(Vec::new()))),
        ]);
        let seen = |mode| {
            map(&[
                ("needed", "".into()),
                ("mode", mode),
                ("place", Value::Null),
                ("labels", Value::Null),
                ("rule", rule(Value::Null)),
            ])
        };
        assert_eq!(plain(&compiled, written.clone()), seen("fast".into()));
        assert_eq!(configured(&compiled, written.clone()), seen(Value::Null));
        assert_eq!(in_words_of(&compiled, &written, seen("fast".into())), written);
        let elsewhere = map(&[("needed", "n".into()), ("mode", "slow".into()), ("place", "eu".into())]);
        let kept = as_written(&compiled, &written, elsewhere);
        assert_eq!(
            (kept.get("needed").as_str(), kept.get("mode").as_str(), kept.get("place").as_str()),
            (Some("n"), Some(""), Some(""))
        );
    }

    #[test]
    fn old_words_stay_where_they_mean_the_same() {
        let place = Attribute::string("place").optional_computed().keeps();
        let note = Attribute::string("note").optional();
        let mode = Attribute::string("mode").optional().default("fast");
        let labels = Attribute::map("labels", Type::String).optional();
        let (empty, hollow) = (map(&[]), map(&[("v", Value::Null)]));
        for (attribute, written, prior, expected) in [
            (&place, "".into(), "eu".into(), "eu".into()),
            (&place, "".into(), Value::Null, "".into()),
            (&place, "us".into(), "eu".into(), "us".into()),
            (&note, "".into(), "old".into(), "".into()),
            (&mode, "".into(), "slow".into(), "".into()),
            (&mode, "".into(), "fast".into(), "fast".into()),
            (&labels, hollow.clone(), empty.clone(), empty.clone()),
            (&labels, empty, Value::Null, map(&[])),
        ] {
            assert_eq!(
                planned(attribute, written.clone(), &prior),
                expected,
                "{} {written:?} {prior:?}",
                attribute.name
            );
        }
    }
}
