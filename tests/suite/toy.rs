//! A toy provider: every shape a value can have, and a resource that goes wrong in every way on request.
//!
//! ```ignore
//! let attached = attach(Toy).await?;
//! let host = Host::attach(&attached).await;
//! ```

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use huaweidb::plugin::{
    Attr, Attribute, Catalogue, DataSource, Diagnostic, Diagnostics, Life, NestedBlock, Number, Path, Planning,
    Private, Provider, Resource, Schema, Stored, Timeouts, Type, Value, model,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

/// The provider. Its client is the label it was configured with.
pub(crate) struct Toy;

/// What resources and data sources talk through.
pub(crate) struct Client {
    label: String,
}

model! {
    /// The provider block.
    pub(crate) struct Settings {
        label: Attr<String>,
        token: Attr<SecretString>,
    }
}

impl Provider for Toy {
    type Settings = Settings;
    type Client = Client;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn address(&self) -> &'static str {
        "localhost/test/toy"
    }

    fn schema(&self) -> Schema {
        Schema::new("A toy.")
            .attribute(Attribute::string("label").length(1, 20).describe("Anything; `broken` is refused."))
            .attribute(Attribute::string("token").sensitive().describe("A secret."))
    }

    fn validate(&self, settings: &Settings) -> Diagnostics {
        match settings.label.as_str() {
            Some("odd") => Diagnostic::warning("Odd label", "It is odd.").at("label").into(),
            _ => Diagnostics::new(),
        }
    }

    async fn configure(
        &self,
        settings: Settings,
        version: &str,
        _: &CancellationToken,
        diagnostics: &mut Diagnostics,
    ) -> Option<Client> {
        match settings.label {
            Attr::Unknown => None,
            Attr::Known(label) if label == "broken" => {
                let detail = format!("Terraform {version} gave a label that cannot be used.");
                diagnostics.push(Diagnostic::error("No such label", detail).at("label"));
                None
            }
            Attr::Known(label) if label == "panics" => panic!("the label panics"),
            label => Some(Client { label: label.into_known().unwrap_or_default() }),
        }
    }

    fn catalogue(&self) -> Catalogue<Client> {
        Catalogue::new().resource("shapes", ShapesResource).resource("task", TaskResource).data_source("lookup", Lookup)
    }
}

model! {
    /// Every type and every nesting.
    pub(crate) struct Shapes {
        id: Attr<String>,
        name: Attr<String>,
        text: Attr<String>,
        flag: Attr<bool>,
        count_of: Attr<i64>,
        ratio: Attr<f64>,
        exact: Attr<Number>,
        any: Attr<Value>,
        texts: Attr<Vec<Attr<String>>>,
        labels: Attr<BTreeMap<String, String>>,
        tags: Attr<Vec<String>>,
        record: Attr<Record>,
        pair: Attr<Value>,
        password: Attr<SecretString>,
        secret: Attr<SecretString>,
        seen: Attr<i64>,
        updated: Attr<String>,
        region: Attr<String>,
        settings: Attr<Sizes>,
        disks: Attr<Vec<Disk>>,
        ports: Attr<Vec<Port>>,
        users: Attr<BTreeMap<String, User>>,
        engine: Attr<Engine>,
        window: Attr<Window>,
        rule: Attr<Vec<Rule>>,
        peer: Attr<Vec<Peer>>,
        zone: Attr<BTreeMap<String, Zone>>,
        limits: Attr<Limits>,
    }
}

model! {
    /// A plain object.
    pub(crate) struct Record {
        a: Attr<String>,
        b: Attr<i64>,
    }
}

model! {
    /// A single nested attribute.
    pub(crate) struct Sizes {
        size: Attr<i64>,
        color: Attr<String>,
        link: Attr<String>,
    }
}

model! {
    /// An element of a list of nested attributes.
    pub(crate) struct Disk {
        size: Attr<i64>,
        label: Attr<String>,
        serial: Attr<String>,
    }
}

model! {
    /// An element of a set of nested attributes.
    pub(crate) struct Port {
        number: Attr<i64>,
        comment: Attr<String>,
        link: Attr<String>,
    }
}

model! {
    /// An element of a map of nested attributes.
    pub(crate) struct User {
        role: Attr<String>,
        uid: Attr<i64>,
    }
}

model! {
    /// A nested attribute that only the provider sets.
    pub(crate) struct Engine {
        r#type: Attr<String>,
        version: Attr<String>,
    }
}

model! {
    /// A single block.
    pub(crate) struct Window {
        start: Attr<String>,
        zone: Attr<String>,
    }
}

model! {
    /// A block in a list.
    pub(crate) struct Rule {
        port: Attr<i64>,
        note: Attr<String>,
        part: Attr<Vec<Part>>,
    }
}

model! {
    /// A block in a block.
    pub(crate) struct Part {
        weight: Attr<f64>,
    }
}

model! {
    /// A block in a set.
    pub(crate) struct Peer {
        host: Attr<String>,
        port: Attr<i64>,
    }
}

model! {
    /// A block in a map.
    pub(crate) struct Zone {
        cidr: Attr<String>,
        link: Attr<String>,
    }
}

model! {
    /// A group block.
    pub(crate) struct Limits {
        cpu: Attr<i64>,
        memory: Attr<i64>,
    }
}

struct ShapesResource;

fn even(text: &str) -> Result<(), String> {
    if text.len().is_multiple_of(2) { Ok(()) } else { Err("Its length must be even.".to_owned()) }
}

impl Resource<Client> for ShapesResource {
    type Model = Shapes;

    fn schema(&self) -> Schema {
        let record = [("a".to_owned(), Type::String), ("b".to_owned(), Type::Number)];
        Schema::new("Every shape.")
            .attributes([
                Attribute::string("id").computed().keeps().describe("The id."),
                Attribute::string("name").required().replaces().length(1, 10).describe("The name."),
                Attribute::string("text").check(even).describe("A text of even length."),
                Attribute::bool("flag").default(true).describe("On or off."),
                Attribute::integer("count_of").default(3).between(0, 100).describe("How many."),
                Attribute::number("ratio").describe("A fraction."),
                Attribute::number("exact").describe("A number with many digits."),
                Attribute::dynamic("any").describe("Anything."),
                Attribute::list("texts", Type::String).one_of(["a", "b", "c"]).describe("Some letters."),
                Attribute::map("labels", Type::String).check(even).describe("Labels."),
                Attribute::set("tags", Type::String).replaces().describe("Tags."),
                Attribute::new("record", huaweidb::plugin::Shape::Plain(Type::Object(record.into())))
                    .describe("A record."),
                Attribute::new("pair", huaweidb::plugin::Shape::Plain(Type::Tuple(vec![Type::String, Type::Number])))
                    .describe("A pair."),
                Attribute::string("password").sensitive().length(8, 64).describe("A password."),
                Attribute::string("secret").write_only().describe("A secret."),
                Attribute::integer("seen").computed().describe("How long the secret is."),
                Attribute::string("updated").computed().describe("When it last changed."),
                Attribute::string("region").optional_computed().replaces().describe("Where."),
                Attribute::object(
                    "settings",
                    [
                        Attribute::integer("size").required().describe("The size."),
                        Attribute::string("color").default("red").describe("The colour."),
                        Attribute::string("link").computed().keeps().describe("A link."),
                    ],
                )
                .describe("Settings."),
                Attribute::list_of(
                    "disks",
                    [
                        Attribute::integer("size").required().replaces().describe("The size."),
                        Attribute::string("label").describe("The label."),
                        Attribute::string("serial").computed().keeps().describe("The id."),
                    ],
                )
                .describe("Disks."),
                Attribute::set_of(
                    "ports",
                    [
                        Attribute::integer("number").required().replaces().describe("The number."),
                        Attribute::string("comment").default("none").describe("A comment."),
                        Attribute::string("link").computed().keeps().describe("The id."),
                    ],
                )
                .describe("Ports."),
                Attribute::map_of(
                    "users",
                    [
                        Attribute::string("role").default("reader").describe("The role."),
                        Attribute::integer("uid").computed().keeps().describe("The number."),
                    ],
                )
                .describe("Users."),
                Attribute::computed_object(
                    "engine",
                    [
                        Attribute::string("type").computed().describe("The type."),
                        Attribute::string("version").computed().describe("The version."),
                    ],
                )
                .keeps()
                .describe("What runs it."),
            ])
            .block(
                NestedBlock::single("window", "When.")
                    .attribute(Attribute::string("start").required().replaces().describe("From."))
                    .attribute(Attribute::string("zone").default("UTC").describe("The time zone.")),
            )
            .block(
                NestedBlock::list("rule", "A rule.")
                    .at_most(5)
                    .attribute(Attribute::integer("port").required().replaces().describe("The port."))
                    .attribute(Attribute::string("note").optional_computed().keeps().describe("A note."))
                    .block(
                        NestedBlock::list("part", "A part.")
                            .attribute(Attribute::number("weight").required().describe("The weight.")),
                    ),
            )
            .block(
                NestedBlock::set("peer", "A peer.")
                    .attribute(Attribute::string("host").required().describe("The host."))
                    .attribute(Attribute::integer("port").optional_computed().keeps().describe("The port.")),
            )
            .block(
                NestedBlock::map("zone", "A zone.")
                    .attribute(Attribute::string("cidr").required().describe("The range."))
                    .attribute(Attribute::string("link").computed().keeps().describe("The id.")),
            )
            .block(
                NestedBlock::group("limits", "Limits.")
                    .attribute(Attribute::integer("cpu").describe("Processors."))
                    .attribute(Attribute::integer("memory").optional_computed().keeps().describe("Memory.")),
            )
    }

    fn validate(&self, config: &Shapes) -> Diagnostics {
        match (&config.text, &config.exact) {
            (Attr::Known(_), Attr::Known(_)) => {
                Diagnostic::error("Conflicting arguments", "Only one of `text` and `exact` can be set.")
                    .at("text")
                    .into()
            }
            _ => Diagnostics::new(),
        }
    }

    async fn create(&self, client: &Client, planned: Shapes, _: &mut Life<Shapes>) -> Result<Shapes, Diagnostics> {
        Ok(filled(client, planned))
    }

    async fn read(&self, _: &Client, state: Shapes, _: &mut Life<Shapes>) -> Result<Option<Shapes>, Diagnostics> {
        // As a service that keeps tags in an order of its own.
        let tags = state.tags.map(|mut tags| {
            tags.reverse();
            tags
        });
        Ok(Some(Shapes { tags, ..state }))
    }

    async fn update(
        &self,
        client: &Client,
        _: Shapes,
        planned: Shapes,
        _: &mut Life<Shapes>,
    ) -> Result<Shapes, Diagnostics> {
        Ok(filled(client, planned))
    }

    async fn delete(&self, _: &Client, _: Shapes, _: &mut Life<Shapes>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn import(&self, id: &str) -> Result<Shapes, Diagnostics> {
        Ok(Shapes { id: id.into(), ..Shapes::default() })
    }
}

/// What a service would answer.
fn filled(client: &Client, planned: Shapes) -> Shapes {
    let or = |attr: Attr<String>, text: &str| if attr.is_unknown() { Attr::from(text) } else { attr };
    let each = |attr: Attr<i64>, number: i64| if attr.is_unknown() { Attr::Known(number) } else { attr };
    Shapes {
        id: or(planned.id, "id-1"),
        updated: Attr::from("now"),
        seen: Attr::Known(
            planned
                .secret
                .known()
                .map_or(0, |secret| i64::try_from(secret.expose_secret().len()).expect("a short secret")),
        ),
        region: or(planned.region, &client.label),
        settings: planned.settings.map(|one| Sizes { link: or(one.link, "link"), ..one }),
        disks: planned
            .disks
            .map(|disks| disks.into_iter().map(|one| Disk { serial: or(one.serial, "disk"), ..one }).collect()),
        ports: planned
            .ports
            .map(|ports| ports.into_iter().map(|one| Port { link: or(one.link, "port"), ..one }).collect()),
        users: planned
            .users
            .map(|users| users.into_iter().map(|(name, one)| (name, User { uid: each(one.uid, 7), ..one })).collect()),
        engine: match planned.engine {
            Attr::Unknown => Attr::Known(Engine { r#type: "toy".into(), version: "1".into() }),
            known => known,
        },
        rule: planned
            .rule
            .map(|rules| rules.into_iter().map(|one| Rule { note: or(one.note, "noted"), ..one }).collect()),
        peer: planned.peer.map(|peers| peers.into_iter().map(|one| Peer { port: each(one.port, 80), ..one }).collect()),
        zone: planned.zone.map(|zones| {
            zones.into_iter().map(|(name, one)| (name, Zone { link: or(one.link, "zone"), ..one })).collect()
        }),
        limits: planned.limits.map(|one| Limits { memory: each(one.memory, 512), ..one }),
        ..planned
    }
}

model! {
    /// A resource that behaves as it is told.
    pub(crate) struct Task {
        name: Attr<String>,
        behaviour: Attr<String>,
        size: Attr<i64>,
        id: Attr<String>,
        status: Attr<String>,
    }
}

/// So many tasks with this behaviour end together, and none before.
pub(crate) const TOGETHER: usize = 24;

static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(TOGETHER));

struct TaskResource;

impl TaskResource {
    async fn behave(planned: Task, life: &mut Life<Task>) -> Result<Task, Diagnostics> {
        let failed = || Diagnostic::error("Task failed", "It was told to.");
        let behaviour = planned.behaviour.known().cloned().unwrap_or_default();
        let known_so_far = Task { id: Attr::from("task-1"), ..planned.clone() };
        let done = Task { status: Attr::from("done"), ..known_so_far.clone() };
        life.private.0.insert("token".to_owned(), "t-1".to_owned());
        match behaviour.as_str() {
            "fail_early" => return Err(failed().into()),
            "panic_early" => panic!("told to panic early"),
            "no_reason" => return Err(Diagnostics::new()),
            _ => life.checkpoint(known_so_far.clone()),
        }
        match behaviour.as_str() {
            "fail" => Err(failed().into()),
            "panic" => panic!("told to panic"),
            "wait" => {
                tokio::select! {
                    () = life.stop().cancelled() => {}
                    () = tokio::time::sleep_until(life.deadline()) => {
                        let limit = life.timeout();
                        return Err(Diagnostic::error("Task took too long", format!("More than {limit:?}.")).into());
                    }
                }
                life.warn(Diagnostic::warning("Task was interrupted", "It goes on by itself."));
                Ok(Task { status: Attr::from("running"), ..known_so_far })
            }
            "together" => {
                MEETING.wait().await;
                Ok(done)
            }
            "contradict" => Ok(Task { size: Attr::Known(999), ..done }),
            "incomplete" => Ok(known_so_far),
            _ => Ok(done),
        }
    }
}

impl Resource<Client> for TaskResource {
    type Model = Task;

    fn schema(&self) -> Schema {
        Schema::new("Behaves as it is told.")
            .version(2)
            .attribute(Attribute::string("name").required().replaces().describe("The name."))
            .attribute(Attribute::string("behaviour").optional().describe("What goes wrong."))
            .attribute(Attribute::integer("size").optional().describe("The size."))
            .attribute(Attribute::string("id").computed().keeps().describe("The id."))
            .attribute(Attribute::string("status").computed().keeps().describe("How far it is."))
            .timeouts(Timeouts { create: Duration::from_hours(1), ..Timeouts::default() })
    }

    async fn plan(&self, _: Option<&Client>, planning: &mut Planning<Task>) {
        assert_ne!(planning.planned.behaviour.as_str(), Some("panic_in_plan"), "told to panic in the plan");
        // What was interrupted is resumed by an update.
        if planning.prior.as_ref().is_some_and(|prior| prior.status.as_str() == Some("running")) {
            planning.planned.status = Attr::Unknown;
        }
        if planning.planned.size == Attr::Known(13) {
            planning.replace.push(Path::attribute("size"));
            planning.diagnostics.push(Diagnostic::warning("Unlucky size", "It needs a new object."));
        }
    }

    async fn plan_delete(&self, _: Option<&Client>, prior: &Task, _: &Private) -> Diagnostics {
        match prior.behaviour.as_str() {
            Some("protected") => Diagnostic::error("Task is protected", "Unprotect it first.").into(),
            _ => Diagnostics::new(),
        }
    }

    async fn create(&self, _: &Client, planned: Task, life: &mut Life<Task>) -> Result<Task, Diagnostics> {
        Self::behave(planned, life).await
    }

    async fn read(&self, _: &Client, state: Task, life: &mut Life<Task>) -> Result<Option<Task>, Diagnostics> {
        match state.behaviour.as_str() {
            Some("gone") => Ok(None),
            Some("unreadable") => Err(Diagnostic::error("Task cannot be read", "It was told so.").into()),
            Some("panic_in_read") => panic!("told to panic in the read"),
            Some("drifted") => {
                life.private.0.insert("seen".to_owned(), "drift".to_owned());
                Ok(Some(Task { size: Attr::Known(42), ..state }))
            }
            _ => Ok(Some(state)),
        }
    }

    async fn update(&self, _: &Client, prior: Task, planned: Task, life: &mut Life<Task>) -> Result<Task, Diagnostics> {
        match planned.behaviour.as_str() {
            // The size was changed before the rest failed.
            Some("half") => {
                life.checkpoint(Task { size: planned.size, ..prior });
                Err(Diagnostic::error("Task failed", "Half-way.").into())
            }
            Some("never") => panic!("an update that changes only timeouts calls nothing"),
            _ => Self::behave(planned, life).await,
        }
    }

    async fn delete(&self, _: &Client, state: Task, life: &mut Life<Task>) -> Result<(), Diagnostics> {
        match state.behaviour.as_str() {
            Some("undeletable") => Err(Diagnostic::error("Task was not deleted", "It was told so.").into()),
            Some("deleting") => {
                life.checkpoint(Task { status: Attr::from("deleting"), ..state });
                Err(Diagnostic::error("Task was not deleted", "Not yet.").into())
            }
            Some("panic_in_delete") => panic!("told to panic in the delete"),
            _ => Ok(()),
        }
    }

    fn import(&self, id: &str) -> Result<Task, Diagnostics> {
        match id.split_once('/') {
            Some((name, id)) => Ok(Task { name: name.into(), id: id.into(), ..Task::default() }),
            None => {
                Err(Diagnostic::error("Import id has the wrong form", "Write <name>/<id>, as in \"a/task-1\".").into())
            }
        }
    }

    fn upgrade(&self, version: i64, mut stored: Stored) -> Result<Stored, Diagnostics> {
        if version == 0 {
            return Err(Diagnostic::error("Stored state is too old", "Version 0 was never released.").into());
        }
        if let Some(label) = stored.remove("label") {
            stored.insert("name".to_owned(), label);
        }
        Ok(stored)
    }
}

model! {
    /// What is looked up.
    pub(crate) struct Found {
        key: Attr<String>,
        exact: Attr<f64>,
        value: Attr<String>,
        items: Attr<Vec<Item>>,
    }
}

model! {
    /// One thing found.
    pub(crate) struct Item {
        id: Attr<String>,
        size: Attr<i64>,
    }
}

struct Lookup;

impl DataSource<Client> for Lookup {
    type Model = Found;

    fn schema(&self) -> Schema {
        Schema::new("Looks things up.")
            .attribute(Attribute::string("key").required().describe("What to look for."))
            .attribute(Attribute::number("exact").describe("A number."))
            .attribute(Attribute::string("value").computed().describe("What was found."))
            .attribute(
                Attribute::computed_list_of(
                    "items",
                    [
                        Attribute::string("id").computed().describe("The id."),
                        Attribute::integer("size").computed().describe("The size."),
                    ],
                )
                .describe("All that was found."),
            )
            .read_timeout(Duration::from_mins(5))
    }

    async fn read(&self, client: &Client, config: Found, life: &mut Life<Found>) -> Result<Found, Diagnostics> {
        match config.key.as_str() {
            Some("missing") => Err(Diagnostic::error("Nothing found", "There is no such key.").into()),
            Some("panics") => panic!("told to panic in the lookup"),
            _ => {
                let value = Attr::Known(format!("{} within {:?}", client.label, life.timeout()));
                let items = Attr::Known(vec![Item { id: "one".into(), size: Attr::Null }]);
                Ok(Found { value, items, ..config })
            }
        }
    }
}
