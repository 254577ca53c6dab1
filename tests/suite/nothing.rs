//! What says nothing is nothing: null, an empty text, an empty collection and a map of nulls are one, for every optional
//! argument of a backup, in every service, after a create, an import and a move.
#![expect(clippy::unwrap_used, reason = "tests")]

use huaweidb_emulator::NewBackups;
use serde_json::{Value, json};

use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, TYPE, apply_request, over, plan_request};
use crate::support::value::{UNKNOWN, unwired, wire};

/// Each service, and the type of the official provider that holds its backups.
const SERVICES: [(&str, &str); 5] = [
    ("dds", "huaweicloud_dds_backup"),
    ("geminidb", "huaweicloud_geminidb_backup"),
    ("taurusdb", "huaweicloud_taurusdb_backup"),
    ("rds", "huaweicloud_rds_backup"),
    ("gaussdb", "huaweicloud_gaussdb_backup"),
];

/// An object as a state holds it.
#[derive(Clone)]
struct Stored {
    state: Value,
    private: Vec<u8>,
}

impl Stored {
    fn none() -> Self {
        Stored { state: Value::Null, private: Vec::new() }
    }
}

fn attributes(run: &Run) -> &[tf::schema::Attribute] {
    &run.schema.resource_schemas[TYPE].block.as_ref().unwrap().attributes
}

/// Every optional argument with each way to say nothing in it.
fn arguments(run: &Run) -> Vec<(String, Vec<Value>)> {
    let optional = attributes(run).iter().filter(|one| one.optional);
    let forms = |one: &tf::schema::Attribute| match &one.r#type[..] {
        b"\"string\"" => vec![Value::Null, json!("")],
        b"[\"map\",\"string\"]" => vec![Value::Null, json!({}), json!({ "v": null }), json!({ "v": "" })],
        b"\"bool\"" if one.name == "backup_database_individually" => vec![Value::Null, json!(false)],
        b"\"bool\"" | b"\"number\"" => vec![Value::Null],
        other => panic!("{}: how does it say nothing? {}", one.name, String::from_utf8_lossy(other)),
    };
    optional.map(|one| (one.name.clone(), forms(one))).collect()
}

fn errors(said: &[tf::Diagnostic]) -> Vec<String> {
    let error = tf::diagnostic::Severity::Error;
    said.iter().filter(|one| one.severity() == error).map(|one| format!("{}: {}", one.summary, one.detail)).collect()
}

impl Run {
    /// Plans as a CLI does, and checks the plan as it would.
    async fn planned(&self, case: &str, config: &Value, prior: &Stored) -> tf::plan_resource_change::Response {
        let mut proposed = config.clone();
        for attribute in attributes(self).iter().filter(|one| one.computed) {
            if config[&attribute.name].is_null() && !prior.state.is_null() {
                proposed[&attribute.name] = prior.state[&attribute.name].clone();
            }
        }
        if prior.state.is_null() {
            // As in a run of its own.
            self.configure().await;
        }
        let request = tf::plan_resource_change::Request {
            prior_private: prior.private.clone(),
            ..plan_request(config, &prior.state, &proposed)
        };
        let plan = self.host.provider().plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!(errors(&plan.diagnostics), [""; 0], "{case}");
        let planned = unwired(plan.planned_state.as_ref());
        for attribute in attributes(self) {
            let name = &attribute.name;
            let (config, planned) = (&config[name], &planned[name]);
            let kept = !config.is_null() && planned == prior.state.get(name).unwrap_or(&Value::Null);
            let chosen = config.is_null() && attribute.computed;
            assert!(planned == config || kept || chosen, "{case}: {name} is {config}, planned is {planned}");
        }
        plan
    }

    /// Plans and applies, then refreshes; the arguments whose change meant a new backup.
    async fn changed(&self, case: &str, config: &Value, prior: &Stored) -> (Stored, Vec<String>) {
        let plan = self.planned(case, config, prior).await;
        let replaced = plan.requires_replace.iter().map(|path| format!("{:?}", path.steps)).collect::<Vec<_>>();
        if !replaced.is_empty() {
            return (prior.clone(), replaced);
        }
        let planned = unwired(plan.planned_state.as_ref());
        let request = tf::apply_resource_change::Request {
            planned_private: plan.planned_private,
            ..apply_request(config, &prior.state, &planned)
        };
        let applied = self.host.provider().apply_resource_change(request).await.unwrap().into_inner();
        assert_eq!(applied.diagnostics, [], "{case}");
        let state = unwired(applied.new_state.as_ref());
        for (name, planned) in planned.as_object().unwrap() {
            assert!(*planned == *UNKNOWN || state[name] == *planned, "{case}: {name} is not as planned");
        }
        (self.refreshed(case, Stored { state, private: applied.private }).await, replaced)
    }

    async fn refreshed(&self, case: &str, stored: Stored) -> Stored {
        let request = tf::read_resource::Request {
            type_name: TYPE.to_owned(),
            current_state: wire(&stored.state),
            private: stored.private,
            ..Default::default()
        };
        let read = self.host.provider().read_resource(request).await.unwrap().into_inner();
        assert_eq!(read.diagnostics, [], "{case}");
        Stored { state: unwired(read.new_state.as_ref()), private: read.private }
    }

    /// A backup that somebody took by hand.
    fn by_hand(&self, service: &str, name: &str, kind: &str) -> String {
        let made = NewBackups {
            service: Some(service.to_owned()),
            instance_id: self.emulator.instance(service),
            name: Some(name.to_owned()),
            kind: kind.to_owned(),
            ..NewBackups::default()
        };
        self.emulator.add_backups(&made)[0].id.clone()
    }

    async fn imported(&self, service: &str, id: &str) -> Stored {
        let instance_id = self.emulator.instance(service);
        let answer = self.import(&format!("{service}/{instance_id}/{id}"), None).await;
        assert_eq!(answer.diagnostics, [], "{service}");
        let one = &answer.imported_resources[0];
        let stored = Stored { state: unwired(one.state.as_ref()), private: one.private.clone() };
        self.refreshed(service, stored).await
    }

    async fn moved(&self, service: &str, type_name: &str, id: &str) -> Stored {
        let state = json!({ "id": id, "instance_id": self.emulator.instance(service) });
        let answer = self.move_from("registry.terraform.io/huaweicloud/huaweicloud", type_name, &state).await;
        assert_eq!(answer.diagnostics, [], "{service}");
        let stored = Stored { state: unwired(answer.target_state.as_ref()), private: answer.target_private };
        self.refreshed(service, stored).await
    }

    fn taken(&self) -> usize {
        self.emulator.journal().iter().filter(|call| call.method == "POST").count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_nothing_is_one_after_a_create_an_import_and_a_move() {
    let run = Run::start(0.05).await;
    for (service, official) in SERVICES {
        let base = run.object(&json!({ "service": service, "instance_id": run.emulator.instance(service) }));
        let hand = run.by_hand(service, "made-by-hand", "manual");
        for (argument, forms) in arguments(&run) {
            let named = |name: &str| match &*argument {
                "name" => over(&base, &json!({ "name_prefix": "made-" })),
                _ => over(&base, &json!({ "name": name })),
            };
            for (at, form) in forms.iter().enumerate() {
                let case = format!("{service}: {argument} = {form}");
                let with = |name: &str, value: &Value| over(&named(name), &json!({ argument.as_str(): value }));
                let name = format!("taken-{}-{at}", argument.replace('_', "-"));
                // What turns out to be nothing only during the apply changes nothing of the plan.
                let unknown = run.planned(&case, &with(&name, &json!(UNKNOWN)), &Stored::none()).await;
                let known = run.planned(&case, &with(&name, form), &Stored::none()).await;
                let [unknown, known] = [unknown, known].map(|plan| unwired(plan.planned_state.as_ref()));
                for (name, known) in known.as_object().unwrap() {
                    let before = &unknown[name];
                    assert!(*before == *UNKNOWN || before == known, "{case}: {name} was {before}, and is {known}");
                }
                let (created, _) = run.changed(&case, &with(&name, form), &Stored::none()).await;
                let taken = run.taken();
                let origins = [
                    ("created", &*name, created),
                    ("imported", "made-by-hand", run.imported(service, &hand).await),
                    ("moved", "made-by-hand", run.moved(service, official, &hand).await),
                ];
                for (origin, name, origin_state) in origins {
                    let mut stored = origin_state;
                    for other in &forms {
                        let case = format!("{case}, {origin}, then {other}");
                        let (next, replaced) = run.changed(&case, &with(name, other), &stored).await;
                        assert_eq!(replaced, [""; 0], "{case}");
                        let again = run.planned(&case, &with(name, other), &next).await;
                        assert_eq!(unwired(again.planned_state.as_ref()), next.state, "{case}: the next plan is empty");
                        stored = next;
                    }
                    run.planned(&format!("{case}, {origin}, then unknown"), &with(name, &json!(UNKNOWN)), &stored)
                        .await;
                }
                assert_eq!(run.taken(), taken, "{case}: nothing was taken");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_service_tells_is_adopted_and_what_it_tells_is_not() {
    let run = Run::start(0.05).await;
    for (service, official) in SERVICES {
        let id = run.by_hand(service, "made-by-hand", "manual");
        let base = json!({ "service": service, "instance_id": run.emulator.instance(service), "name": "made-by-hand" });
        let base = run.object(&base);
        let triggers = |version: &str| over(&base, &json!({ "triggers": { "version": version } }));
        for origin in [run.imported(service, &id).await, run.moved(service, official, &id).await] {
            let (adopted, replaced) = run.changed(service, &triggers("1"), &origin).await;
            assert_eq!((replaced, &adopted.state["triggers"]["version"]), (Vec::new(), &json!("1")), "{service}");
            assert_eq!(run.changed(service, &triggers("1"), &adopted).await.1, [""; 0], "{service}");
            // From now on it is like any other.
            assert_eq!(run.changed(service, &triggers("2"), &adopted).await.1.len(), 1, "{service}");

            let described = over(&base, &json!({ "description": "ours" }));
            let (adopted, replaced) = run.changed(service, &described, &origin).await;
            assert_eq!(replaced.len(), usize::from(service != "rds"), "{service}: {:?}", origin.state["description"]);
            if service == "rds" {
                assert_eq!(adopted.state["description"], json!("ours"));
                let other = over(&base, &json!({ "description": "another" }));
                assert_eq!(run.changed(service, &other, &adopted).await.1.len(), 1);
            }
        }
    }
    assert_eq!(run.taken(), 0, "nothing was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_without_triggers_is_replaced_by_one_with() {
    let run = Run::start(0.05).await;
    let base = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "plain-one" }));
    let (created, _) = run.changed("create", &base, &Stored::none()).await;
    let triggers = over(&base, &json!({ "triggers": { "version": "1" } }));
    assert_eq!(run.changed("triggers", &triggers, &created).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_says_nothing_among_triggers_and_the_order_of_databases_replace_nothing() {
    let run = Run::start(0.05).await;
    let of = |service: &str, more: &Value| {
        let base = json!({ "service": service, "instance_id": run.emulator.instance(service), "name": format!("one-of-{service}") });
        run.object(&over(&base, more))
    };
    let block = |name: &str, tables: &Value| json!({ "name": name, "tables": tables });
    let (a, b) = (block("a", &json!(["x", "y"])), block("b", &Value::Null));
    let databases = |blocks: &[&Value]| json!({ "databases": blocks });
    for (service, before, after, replaced) in [
        ("dds", json!({ "triggers": { "w": "1", "v": "" } }), json!({ "triggers": { "w": "1" } }), 0),
        ("taurusdb", json!({ "triggers": { "w": "1", "v": "" } }), json!({ "triggers": { "w": "1", "v": "2" } }), 1),
        ("geminidb", databases(&[&a, &b]), databases(&[&b, &block("a", &json!(["y", "x", "y"])), &b]), 0),
        ("geminidb", databases(&[&a, &b]), databases(&[&b, &block("a", &json!(["y"]))]), 1),
        ("rds", databases(&[&b, &block("c", &Value::Null)]), databases(&[&block("c", &Value::Null), &b]), 0),
        ("rds", databases(&[&b, &block("c", &Value::Null)]), databases(&[&b]), 1),
    ] {
        let case = format!("{service}: {before}, then {after}");
        let (created, _) = run.changed(&case, &of(service, &before), &Stored::none()).await;
        let (changed, paths) = run.changed(&case, &of(service, &after), &created).await;
        assert_eq!(paths.len().min(1), replaced, "{case}: {paths:?}");
        if replaced == 0 {
            let again = run.planned(&case, &of(service, &after), &changed).await;
            assert_eq!(unwired(again.planned_state.as_ref()), changed.state, "{case}: the next plan is empty");
        }
        for backup in run.emulator.backups() {
            run.emulator.vanish(&backup.id);
        }
    }
}
