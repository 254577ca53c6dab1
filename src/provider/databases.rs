//! The `databases` block: which databases of the instance to back up, where a service can choose.

use crate::plugin::{Attr, Attribute, NestedBlock, model};

model! {
    /// One `databases` block.
    pub(super) struct DatabaseBlock {
        pub(super) name: Attr<String>,
    }
}

/// The block's schema.
pub(super) fn block() -> NestedBlock {
    NestedBlock::list(
        "databases",
        "A database to back up, instead of the whole instance; only `rds` with SQL Server or PostgreSQL. Default: the whole instance. Changing the \
         blocks takes a new backup.",
    )
    .attribute(Attribute::string("name").required().replaces().describe("Name of the database, as the engine knows it. Changing it takes a new backup."))
}

/// The names in the blocks.
pub(super) fn names(blocks: &Attr<Vec<DatabaseBlock>>) -> Vec<String> {
    blocks
        .known()
        .map_or_else(Vec::new, |blocks| blocks.iter().filter_map(|block| block.name.known().cloned()).collect())
}
