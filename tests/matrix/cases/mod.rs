//! The cases: what a person does with the provider, each in a folder and with a cloud of its own.

mod actions;
mod adopt;
mod ahead;
mod around;
mod life;
mod net;
mod restores;
mod shared;

use crate::offers::{Cli, EVERYWHERE};

/// A case, and what a CLI has to offer for it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static str,
    pub(crate) run: fn(&Cli),
}

const fn case(needs: &'static str, name: &'static str, run: fn(&Cli)) -> Case {
    Case { name, needs, run }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case(EVERYWHERE, "300 objects", life::three_hundred),
    case(EVERYWHERE, "life of all five services", life::five_services),
    case(EVERYWHERE, "plans shown, as JSON, saved", life::plans),
    case(EVERYWHERE, "values known only during apply", life::unknown_values),
    case(EVERYWHERE, "create refused, create failed, tainted", life::failures),
    case(EVERYWHERE, "deleted elsewhere", life::drift),
    case(EVERYWHERE, "a look for drift", life::look_for_drift),
    case(EVERYWHERE, "bad input with its line", life::bad_input),
    case(EVERYWHERE, "what a plan asks ahead", ahead::preflight),
    case(EVERYWHERE, "a saved plan of a create, applied elsewhere", ahead::applied_elsewhere),
    case(EVERYWHERE, "a new address without `moved`", ahead::renamed),
    case(EVERYWHERE, "protection and warnings", life::protection),
    case(EVERYWHERE, "rotation", life::rotation),
    case(EVERYWHERE, "a final backup of all five services", net::all_services),
    case(EVERYWHERE, "a final backup: replaced", net::replaced),
    case(EVERYWHERE, "a final backup: replaced with its database", net::replaced_with_its_database),
    case(EVERYWHERE, "a final backup: interrupted, killed", net::interrupted),
    case(EVERYWHERE, "a final backup: failing, skipped, not needed", net::failing),
    case(EVERYWHERE, "a final backup: imported", net::imported),
    case(EVERYWHERE, "a final backup: prevented, in a module", net::prevented_and_in_modules),
    case(EVERYWHERE, "times to restore to", restores::times),
    case(EVERYWHERE, "modules and provider aliases", life::modules),
    case(EVERYWHERE, "moves within the state", life::addresses),
    case(EVERYWHERE, "nothing is replaced for nothing", life::nothing),
    case(EVERYWHERE, "attached debugging", around::attached),
    case(EVERYWHERE, "two runs attached at once", around::attached_twice),
    case(EVERYWHERE, "what is not offered is refused", around::refusals),
    case(EVERYWHERE, "import by id", adopt::by_id),
    case("interrupts", "interrupt and resume", life::interrupt),
    case("interrupts", "signals to the provider alone", life::signalled),
    case("stale plans", "a saved plan is applied once", life::applied_once),
    case("planned destroys", "protection in the plan of a destroy", life::planned_destroys),
    case("import block", "import block beside its resource", adopt::by_block),
    case("import block", "names that others gave", adopt::others_names),
    case("import block", "import with generated configuration", adopt::generated),
    case("identity", "import by identity", adopt::by_identity),
    case("moved", "moved from the official types", adopt::moved),
    case("removed", "removed, and the backup stays", adopt::removed),
    case("query", "query, with generated configuration", adopt::query),
    case("functions", "functions", around::functions),
    case("ephemeral", "ephemeral links", around::ephemeral),
    case("test", "tests", around::tests),
    case("mocks", "tests with mocks", around::mocks),
    case("actions", "actions by -invoke", actions::invoked),
    case("actions", "actions by create and update", actions::around_changes),
    case("actions", "action refused, action failed", actions::failing),
    case("actions", "values of actions, null and wrong, wherever they come from", actions::values),
    case("actions", "values of actions that fit, wherever they come from", actions::good_values),
    case("actions", "actions interrupted at any point", actions::interrupted),
    case("actions", "examples of actions and of a list", actions::examples),
    case("actions", "restores by -invoke", restores::invoked),
    case("actions", "restores before changes", restores::triggered_by_changes),
    case("actions", "restores interrupted at any point", restores::interrupted),
    case("actions", "a restore drill", restores::drill),
    case("destroy events", "actions by destroy, and caller", actions::around_destroy),
    case("planned values", "planned name and rotation", life::planned_ahead),
    case("destroy = false", "destroy = false", around::not_destroyed),
    case("enabled", "enabled", around::enabled),
    case("enabled", "a final backup: not enabled", net::disabled),
    case("encryption", "encrypted state and plans", around::encryption),
    case("provider for_each", "for_each of providers", around::provider_for_each),
];
