//! The table of rules, and what breaks each.

use serde_json::Value;

use super::answer::{Answer, Event, Kind, Rule};
use super::values::{
    in_plan, in_state, inconsistent, inside, invalid_plan, is_unknown, misfits, same, wholly_known, write_only_values,
};
use crate::support::proto::tfplugin6 as tf;
use crate::support::proto::tfplugin6::attribute_path::step::Selector;

/// All rules. What breaks one is looked for in every answer.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "what comes back fits the schema",
        seen: "Error: Provider produced invalid object (or plan): unsupported attribute, a number is required, …",
        broken: unfit,
    },
    Rule {
        name: "a number is as precise as one of the state",
        seen: "No changes, with which plan -refresh-only -detailed-exitcode ends with 2 all the same (Terraform 1.11 to 1.14)",
        broken: |answer| if echoed(answer) { vec![] } else { answer.coarse.clone() },
    },
    Rule {
        name: "a plan does what is configured",
        seen: "Error: Provider produced invalid plan: planned value for a non-computed attribute, does not match config value",
        broken: |answer| match answer.kind {
            Kind::Plan if settled(answer) && !answer.config.is_null() => {
                invalid_plan(&answer.block, &answer.prior, &answer.config, &answer.result, "")
            }
            _ => vec![],
        },
    },
    Rule {
        name: "a planned destroy plans nothing",
        seen: "Error: Provider produced invalid plan: planned a non-null destroy value",
        broken: |answer| {
            let destroy = answer.kind == Kind::Plan && answer.config.is_null();
            when(destroy && !answer.failed() && !answer.result.is_null(), "an object is planned")
        },
    },
    Rule {
        name: "what means a new object is there",
        seen: "Error: Provider produced invalid plan: \"requires replacement\" for a non-existent attribute path",
        broken: nowhere,
    },
    Rule {
        name: "a plan that is made again says the same",
        seen: "Error: Provider produced inconsistent final plan",
        broken: |answer| match &answer.first_plan {
            Some(first) if !answer.failed() => inconsistent(&answer.block, first, &answer.result, ""),
            _ => vec![],
        },
    },
    Rule {
        name: "a planned change can be written as JSON",
        seen: "Failed to marshal plan to json: value is not known; no plan is shown (Terraform 1.12 and newer)",
        broken: |answer| {
            let shown = [&answer.prior, &answer.result].map(|value| in_plan(&answer.ty(), value).is_some());
            let planned = answer.kind == Kind::Plan && !answer.failed();
            let mut found = when(planned && shown.contains(&false), "the object is unknown as a whole");
            found.extend(when(planned && !wholly_known(&answer.identity), &format!("identity {}", answer.identity)));
            found
        },
    },
    Rule {
        name: "a planned object can be written into a state file",
        seen: "failed to encode … in state: value is not known; nothing is created (OpenTofu 1.12)",
        broken: |answer| match answer.identity_type() {
            Some(ty) if answer.kind == Kind::Plan && !answer.failed() => {
                in_state(&ty, &answer.identity).err().into_iter().collect()
            }
            _ => vec![],
        },
    },
    Rule {
        name: "an apply does what was planned",
        seen: "Error: Provider produced inconsistent result after apply",
        broken: |answer| match answer.kind {
            Kind::Apply if settled(answer) && !answer.planned.is_null() => {
                inconsistent(&answer.block, &answer.planned, &answer.result, "")
            }
            _ => vec![],
        },
    },
    Rule {
        name: "a destroy that succeeded leaves nothing",
        seen: "Error: Provider returned invalid result object after apply: a non-null object",
        broken: |answer| {
            let destroyed = answer.kind == Kind::Apply && !answer.failed() && answer.planned.is_null();
            when(destroyed && !answer.result.is_null(), "an object is left")
        },
    },
    Rule {
        name: "what is stored is known",
        seen: "Error: Provider returned invalid result object after apply: still indicated an unknown value",
        broken: |answer| when(stored(answer) && !wholly_known(&answer.result), &answer.result.to_string()),
    },
    Rule {
        name: "what is stored is read back as it was",
        seen: "an object that changes without anybody's doing when the next run reads the state file",
        broken: |answer| match &answer.read_back {
            Some(read) if !same(&answer.ty(), &answer.result, read) => vec![format!("{read} was {}", answer.result)],
            _ => vec![],
        },
    },
    Rule {
        name: "write-only values never come back",
        seen: "Error: Provider produced invalid plan (or object): returned a value for the write-only attribute",
        broken: |answer| match answer.kind {
            Kind::Generate | Kind::Validate => vec![],
            _ if !answer.result.is_object() => vec![],
            _ => write_only_values(&answer.block, &answer.result, ""),
        },
    },
    Rule {
        name: "an identity fits its schema",
        seen: "Error: Provider produced an identity that doesn't match the schema; unknown identity type",
        broken: |answer| match answer.identity_type() {
            Some(ty) => misfits(&ty, &answer.identity, "identity"),
            None => when(!answer.identity.is_null(), "an identity of what has none"),
        },
    },
    Rule {
        name: "a stored identity is known",
        seen: "Error: Provider produced invalid identity: an identity with unknown values",
        broken: |answer| {
            when(answer.kind != Kind::Plan && !wholly_known(&answer.identity), &answer.identity.to_string())
        },
    },
    Rule {
        name: "what exists has its identity",
        seen: "import … didn't return an identity; an object that can be neither listed nor imported by identity",
        broken: |answer| {
            let has = answer.identity_schema.is_some() && !answer.failed();
            let exists = matches!(answer.kind, Kind::Apply | Kind::Read | Kind::Import) && !answer.result.is_null();
            let kept = answer.kind == Kind::Plan && !answer.identity_before.is_null() && !answer.prior.is_null();
            when(has && (exists || kept) && answer.identity.is_null(), "no identity")
        },
    },
    Rule {
        name: "an object keeps its identity",
        seen: "Error: Unexpected Identity Change",
        broken: |answer| {
            let lives = match answer.kind {
                Kind::Read | Kind::Plan => !answer.result.is_null(),
                Kind::Apply => !answer.planned.is_null() && !answer.result.is_null(),
                _ => false,
            };
            let (before, now) = (&answer.identity_before, &answer.identity);
            let changed = lives && !answer.failed() && !answer.prior.is_null() && !before.is_null() && now != before;
            when(changed, &format!("{before} became {now}"))
        },
    },
    Rule {
        name: "a new object has an identity of its own",
        seen: "a plan, and after it a state, that calls the new object by the identity of the one that it replaces",
        broken: |answer| {
            let new = matches!(answer.kind, Kind::Plan | Kind::Apply) && answer.prior.is_null();
            let (before, now) = (&answer.identity_before, &answer.identity);
            // An apply may keep what its own plan promised; that is then the plan's fault.
            let kept = answer.kind == Kind::Plan && !answer.result.is_null() && !now.is_null() && now == before;
            let broken_promise = answer.kind == Kind::Apply
                && !answer.failed()
                && !answer.result.is_null()
                && !before.is_null()
                && now != before;
            when(new && (kept || broken_promise), &format!("{before} was said before, now {now}"))
        },
    },
    Rule {
        name: "private bytes live as long as their object",
        seen: "an object of which the next run has forgotten where it was last seen, or remembers what is gone",
        broken: |answer| match answer.kind {
            Kind::Read | Kind::Apply if !answer.failed() && answer.result.is_null() => {
                when(!answer.private.is_empty(), "private bytes of nothing")
            }
            // What a create found among them are the plan's notes, which end with it.
            Kind::Read | Kind::Apply => {
                let lost = !answer.result.is_null()
                    && !answer.prior.is_null()
                    && !answer.private_before.is_empty()
                    && answer.private.is_empty();
                when(lost, "private bytes are lost")
            }
            // What is written beside an object that stays or is replaced, every host hands to the second half of the plan of its
            // replacement: Terraform since 1.0 and OpenTofu.
            Kind::Plan
                if !answer.keeps_planned_private
                    && !answer.failed()
                    && (answer.prior.is_null() || answer.result.is_null()) =>
            {
                when(answer.private != answer.private_before, "a plan writes down what the host does not keep")
            }
            _ => vec![],
        },
    },
    Rule {
        name: "nothing is deferred unasked",
        seen: "Error: Provider deferred changes when Terraform did not allow deferrals",
        broken: |answer| when(answer.deferred && !answer.deferral_allowed, "deferred"),
    },
    Rule {
        name: "no excuse for legacy types is made",
        seen: "values that are not what was planned, without a word",
        broken: |answer| when(answer.legacy_type_system, "legacy_type_system"),
    },
    Rule {
        name: "an import returns the one object that was asked for",
        seen: "Error: Multiple import states not supported; Import returned no resources; Import returned null resource",
        broken: |answer| {
            let imported = answer.kind == Kind::Import && !answer.failed();
            let right = answer.imported == [answer.name.clone()] && !answer.result.is_null();
            when(imported && !right, &format!("{:?}, {}", answer.imported, answer.result))
        },
    },
    Rule {
        name: "generated configuration sets what can be set",
        seen: "Error: Invalid configuration: a generated file that does not validate",
        broken: |answer| match answer.kind {
            Kind::Generate if !answer.failed() => {
                let mut found = when(!wholly_known(&answer.result), "something is unknown");
                let set = |one: &&tf::schema::Attribute| !answer.result[&one.name].is_null();
                let wrong = answer.block.attributes.iter().filter(|one| match one {
                    one if one.required => !set(one),
                    one => one.computed && !one.optional && set(one),
                });
                found.extend(wrong.map(|one| format!("{}: set where it must not be, or the other way", one.name)));
                found
            }
            _ => vec![],
        },
    },
    Rule {
        name: "what is read is there and known",
        seen: "Error: Provider produced null object; Provider produced invalid object",
        broken: |answer| {
            let read = matches!(answer.kind, Kind::DataSource | Kind::Ephemeral) && !answer.failed();
            when(read && (answer.result.is_null() || !wholly_known(&answer.result)), &answer.result.to_string())
        },
    },
    Rule {
        name: "what is read says what was asked",
        seen: "Error: Provider produced invalid ephemeral resource instance: an inconsistent result",
        broken: |answer| match answer.kind {
            Kind::DataSource | Kind::Ephemeral if settled(answer) && answer.result.is_object() => {
                invalid_plan(&answer.block, &Value::Null, &answer.config, &answer.result, "")
            }
            _ => vec![],
        },
    },
    Rule {
        name: "a renewal lies ahead",
        seen: "a run that asks for renewals without a pause",
        broken: |answer| when(answer.renew_in.is_some_and(|seconds| seconds <= 0.0), "in the past"),
    },
    Rule {
        name: "what was opened can be renewed and closed",
        seen: "a run that fails at its end, or in the middle, over a value that it already has",
        broken: |answer| {
            let later = matches!(answer.kind, Kind::Renew | Kind::Close);
            when(later && answer.opened && answer.failed(), "an error")
        },
    },
    Rule {
        name: "an action ends once, and says nothing after that",
        seen: "an apply that ends although the action goes on, or never ends",
        broken: |answer| {
            let ends = answer.events.iter().filter(|event| **event == Event::Completed).count();
            let wrong = ends != 1 || answer.events.last() != Some(&Event::Completed);
            when(answer.kind == Kind::Invoke && wrong, &format!("{:?}", answer.events))
        },
    },
    Rule {
        name: "an action that is stopped reports no more progress",
        seen: "panic: range function continued iteration; exit code 11, the state of what else ran is lost (Terraform 1.14)",
        broken: |answer| when(answer.events.contains(&Event::ProgressAfterStop), "progress after the stop"),
    },
    Rule {
        name: "a list names what it finds, and no more than was asked for",
        seen: "missing identity data in ListResource event; a search that ends half-way",
        broken: wrong_list,
    },
    Rule {
        name: "a message has a title, a severity, and points at something that is no secret",
        seen: "Error: (nothing), or an error without the line that it is about",
        broken: wrong_messages,
    },
    Rule {
        name: "what only the provider sets has no nested type",
        seen: "panic: nil pointer dereference, while configuration is generated (Terraform 1.5, OpenTofu 1.6 to 1.10)",
        broken: |answer| {
            let blocks = answer.schemas.iter();
            blocks.flat_map(|(name, block)| attributes_of(block, name, &computed_nested)).collect()
        },
    },
    Rule {
        name: "an attribute is set by somebody and has one type",
        seen: "Error: Failed to load plugin schemas: Invalid attribute",
        broken: |answer| {
            let blocks = answer.schemas.iter();
            blocks.flat_map(|(name, block)| attributes_of(block, name, &invalid_attribute)).collect()
        },
    },
];

fn when(broken: bool, what: &str) -> Vec<String> {
    if broken { vec![what.to_owned()] } else { Vec::new() }
}

/// Whether it is a success about values that a host could have sent.
fn settled(answer: &Answer) -> bool {
    let sent = [&answer.config, &answer.prior, &answer.planned];
    !answer.failed() && !answer.deferred && sent.iter().all(|value| misfits(&answer.ty(), value, "").is_empty())
}

/// Whether the result ends up in a state file.
fn stored(answer: &Answer) -> bool {
    matches!(answer.kind, Kind::Apply | Kind::Read | Kind::Import | Kind::Upgrade | Kind::Move)
}

/// Whether it is what was sent: what could not be read is answered as it came.
fn echoed(answer: &Answer) -> bool {
    answer.failed() && answer.result == answer.prior
}

fn unfit(answer: &Answer) -> Vec<String> {
    if echoed(answer) {
        return Vec::new();
    }
    let mut found = misfits(&answer.ty(), &answer.result, "");
    found.extend(when(is_unknown(&answer.result), "the object as a whole is unknown"));
    found.extend(null_blocks(&answer.block, &answer.result, ""));
    found
}

/// Collections of blocks that are null, which is what no host can write a `dynamic` block or a plan from.
fn null_blocks(block: &tf::schema::Block, value: &Value, path: &str) -> Vec<String> {
    use tf::schema::nested_block::NestingMode;
    let Value::Object(members) = value else { return Vec::new() };
    let mut found = Vec::new();
    for nested in &block.block_types {
        let path = format!("{path}.{}", nested.type_name);
        let value = members.get(&nested.type_name).unwrap_or(&Value::Null);
        found.extend(when(value.is_null() && nested.nesting() != NestingMode::Single, &format!("{path}: null")));
        let elements: Vec<&Value> = match (nested.nesting(), value) {
            (NestingMode::Map, Value::Object(members)) => members.values().collect(),
            (_, Value::Array(elements)) => elements.iter().collect(),
            (_, object) => vec![object],
        };
        found.extend(elements.into_iter().flat_map(|one| null_blocks(inside(nested), one, &path)));
    }
    found
}

fn nowhere(answer: &Answer) -> Vec<String> {
    if answer.failed() || answer.prior.is_null() {
        return Vec::new();
    }
    let leads = |value: &Value, path: &tf::AttributePath| {
        let mut value = Some(value);
        for step in &path.steps {
            value = value.and_then(|value| match (step.selector.as_ref()?, value) {
                (Selector::AttributeName(name) | Selector::ElementKeyString(name), Value::Object(members)) => {
                    members.get(name)
                }
                (Selector::ElementKeyInt(index), Value::Array(elements)) => elements.get(usize::try_from(*index).ok()?),
                _ => None,
            });
        }
        value.is_some()
    };
    let lost = answer.replace.iter().filter(|path| !leads(&answer.prior, path) && !leads(&answer.result, path));
    lost.map(|path| format!("{:?}", path.steps)).collect()
}

fn wrong_list(answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let mut results = 0;
    for event in &answer.listed {
        // Hosts read no further.
        if event.diagnostic.iter().any(|one| one.severity() == tf::diagnostic::Severity::Error) {
            break;
        }
        let identity = super::identity(event.identity.as_ref());
        if identity.is_null() {
            found.extend(when(event.diagnostic.is_empty(), "a result without an identity"));
            continue;
        }
        results += 1;
        found.extend(when(event.display_name.is_empty(), "a result without a name"));
        found.extend(when(!wholly_known(&identity), "an identity that is not known"));
        let ty = answer.identity_type();
        found.extend(ty.iter().flat_map(|ty| misfits(ty, &identity, "identity")));
        let object = crate::support::value::unwired(event.resource_object.as_ref());
        found.extend(when(!object.is_null() && !answer.with_objects, "an object that nobody asked for"));
        found.extend(when(object.is_null() && answer.with_objects, "no object"));
        found.extend(misfits(&answer.ty(), &object, ""));
    }
    found.extend(when(answer.limit > 0 && results > answer.limit, "more than asked for"));
    found
}

fn wrong_messages(answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let listed = answer.listed.iter().flat_map(|event| &event.diagnostic);
    for one in answer.diagnostics.iter().chain(listed) {
        found.extend(when(one.severity() == tf::diagnostic::Severity::Invalid, "no severity"));
        found.extend(when(one.summary.is_empty(), "no title"));
        let first = one.attribute.as_ref().and_then(|path| path.steps.first()?.selector.clone());
        let names = answer.block.attributes.iter().map(|one| &one.name);
        let mut names = names.chain(answer.block.block_types.iter().map(|one| &one.type_name));
        let known = match &first {
            Some(Selector::AttributeName(first)) => names.any(|name| name == first),
            Some(_) => false,
            None => true,
        };
        found.extend(when(answer.kind != Kind::Schema && !known, &format!("{:?} points at nothing", one.attribute)));
        let secret = one.attribute.as_ref().and_then(|path| secret_at(&answer.block, &path.steps));
        found.extend(secret.map(|name| format!("the lines with the secret `{name}` are shown")));
    }
    found
}

/// The argument that a path leads to or through, if there is a secret in what hosts then show of it.
fn secret_at<'a>(block: &'a tf::schema::Block, steps: &'a [tf::attribute_path::Step]) -> Option<&'a str> {
    let Some(Selector::AttributeName(name)) = &steps.first()?.selector else {
        return secret_at(block, &steps[1..]);
    };
    if let Some(nested) = block.block_types.iter().find(|nested| nested.type_name == *name) {
        return secret_at(inside(nested), &steps[1..]);
    }
    let attribute = block.attributes.iter().find(|one| one.name == *name)?;
    let whole = tf::schema::Block { attributes: vec![attribute.clone()], ..tf::schema::Block::default() };
    (!attributes_of(&whole, "", &|one| one.sensitive || one.write_only).is_empty()).then_some(name)
}

type Judge<'a> = &'a dyn Fn(&tf::schema::Attribute) -> bool;

/// The attributes at any depth of which something is true.
fn attributes_of(block: &tf::schema::Block, path: &str, is: Judge<'_>) -> Vec<String> {
    fn walk(attributes: &[tf::schema::Attribute], path: &str, is: Judge<'_>, found: &mut Vec<String>) {
        for one in attributes {
            let path = format!("{path}.{}", one.name);
            if let Some(nested) = &one.nested_type {
                walk(&nested.attributes, &path, is, found);
            }
            found.extend(is(one).then_some(path));
        }
    }
    let mut found = Vec::new();
    walk(&block.attributes, path, is, &mut found);
    for nested in &block.block_types {
        found.extend(attributes_of(inside(nested), &format!("{path}.{}", nested.type_name), is));
    }
    found
}

fn computed_nested(one: &tf::schema::Attribute) -> bool {
    one.computed && !one.optional && one.nested_type.is_some()
}

fn invalid_attribute(one: &tf::schema::Attribute) -> bool {
    let nobody = !one.required && !one.optional && !one.computed;
    nobody || (one.required && (one.optional || one.computed)) || one.nested_type.is_some() != one.r#type.is_empty()
}
