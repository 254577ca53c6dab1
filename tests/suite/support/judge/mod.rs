//! What the strictest hosts check of every answer: Terraform 1.16 and OpenTofu 1.12.
//!
//! [`RULES`] is the one table: each rule with what a person at the real CLI sees when it is broken. The client of the test
//! host ([`super::checked`]) turns every call into an [`Answer`] and lets no test go on that got a bad one.

mod answer;
mod rules;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use answer::{Answer, Event, Kind, identity};
pub(crate) use rules::RULES;
pub(crate) use values::{Type, in_state, typed};

/// Everything that is wrong with an answer: the rule, what a person would see, and what broke it.
pub(crate) fn complaints(answer: &Answer) -> Vec<String> {
    let broken = RULES.iter().flat_map(|rule| {
        let found = (rule.broken)(answer).into_iter();
        found.map(move |what| format!("{}: {what}\n    a person sees: {}", rule.name, rule.seen))
    });
    broken.collect()
}
