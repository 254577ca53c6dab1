//! The `databases` block: which databases of the instance to back up, where a service can choose.

use std::collections::BTreeSet;

use crate::backup::{Backup, Choice, Database, Facts};
use crate::plugin::{Attr, Attribute, Diagnostic, Diagnostics, NestedBlock, Path, Type};
use crate::provider::checks;
use crate::provider::fields::{self, DatabaseObject};

/// The block's schema.
pub(in crate::provider) fn block() -> NestedBlock {
    NestedBlock::list(
        "databases",
        "A database to back up, instead of the whole instance; only `rds` with SQL Server or PostgreSQL (on Open Telekom \
         Cloud with SQL Server), and `geminidb` with Cassandra. Default: the whole instance. Changing the blocks takes a new backup; their order means nothing.",
    )
    .unordered()
    .attribute(Attribute::string("name").required().replaces().check(checks::check_shown).describe("Name of the database, as the engine knows it. Changing it takes a new backup."))
    .attribute(Attribute::list("tables", Type::String).optional().unordered().replaces().check(checks::check_shown).describe(
        "Only these tables of it; only `geminidb`. Default: all. Changing them takes a new backup; their order means nothing.",
    ))
}

/// What a service cannot do with what is asked.
pub(in crate::provider) fn check(
    facts: &Facts,
    blocks: &Attr<Vec<DatabaseObject>>,
    individually: &Attr<bool>,
) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut refuse = |path: Path, detail: String| {
        found.push(Diagnostic::error("Argument not offered by this service", detail).at(path));
    };
    let given = blocks.known().map_or(&[][..], Vec::as_slice);
    if !given.is_empty() && facts.choice == Choice::Whole {
        let detail = format!("{} backs up whole instances only. Remove the `databases` blocks.", facts.title);
        // A CLI shows the line of an argument, not that of a block.
        refuse(Path::attribute("databases").index(0).then("name"), detail);
    } else if facts.choice != Choice::Tables {
        for (at, _) in (0..).zip(given).filter(|(_, block)| block.tables.known().is_some()) {
            let detail = format!("{} backs up whole databases only. Remove `tables`.", facts.title);
            refuse(Path::attribute("databases").index(at).then("tables"), detail);
        }
    }
    if *individually == Attr::Known(true) {
        let path = Path::attribute("backup_database_individually");
        if facts.choice != Choice::Databases {
            let detail = format!("{} cannot back up each database on its own. Remove the argument.", facts.title);
            refuse(path, detail);
        } else if given.is_empty() && !blocks.is_unknown() {
            let detail = "`backup_database_individually` needs the databases: add `databases` blocks.";
            found.push(checks::missing("backup_database_individually", detail));
        }
    }
    let mut names = BTreeSet::new();
    for (at, block) in (0..).zip(given) {
        if let Some(name) = block.name.as_str().filter(|name| !names.insert(*name)) {
            let detail = format!("The database {name:?} appears in two `databases` blocks. Name each once.");
            let path = Path::attribute("databases").index(at).then("name");
            found.push(Diagnostic::error("Conflicting arguments", detail).at(path));
        }
    }
    found
}

/// The databases in the blocks.
pub(in crate::provider) fn wanted(blocks: &Attr<Vec<DatabaseObject>>) -> Vec<Database> {
    let known = |tables: &Attr<Vec<Attr<String>>>| {
        tables.known().into_iter().flatten().filter_map(|table| table.known().cloned()).collect()
    };
    let database =
        |block: &DatabaseObject| Some(Database { name: block.name.known()?.clone(), tables: known(&block.tables) });
    blocks.known().into_iter().flatten().filter_map(database).collect()
}

/// The blocks that would ask for such a backup.
pub(super) fn of(backup: &Backup) -> Vec<DatabaseObject> {
    let mut found = fields::databases(&backup.more.databases);
    for one in found.iter_mut().filter(|one| one.tables.known().is_none_or(Vec::is_empty)) {
        one.tables = Attr::Null;
    }
    found
}
