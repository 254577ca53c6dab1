//! Every service passes the same life: taken, awaited, found, listed, stopped, deleted, and exactly once even if the answer
//! to the create is lost. The engine and the cloud client as they are, against the emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use huaweidb::backup::{
    ALL, Backup, BackupRef, Backups, Error, Filter, NameOrigin, NewBackup, Service, Started, Status, StopOutcome,
    StopScope, named,
};
use huaweidb::cloud::{self, Cloud, Context, Credentials, Settings};
use huaweidb_emulator::{BackupRow, Emulator, Fault, FaultKind, NewBackups, NewInstance, Options};
use tokio_util::sync::CancellationToken;

/// A service of an emulator, with an engine that talks to it.
struct Bench {
    emulator: Emulator,
    backups: Backups,
    context: Context,
}

fn want(instance_id: &str, name: &str) -> NewBackup {
    NewBackup {
        instance_id: instance_id.to_owned(),
        name: name.to_owned(),
        description: Some("by the suite".to_owned()),
        ..NewBackup::default()
    }
}

impl Bench {
    async fn with_backups_of(seconds: f64) -> Self {
        // Not the region of the CLI tests: paths differ between Huawei Cloud and Open Telekom Cloud.
        let options = Options { region: "cn-north-4".to_owned(), ..Options::with_backups_of(seconds) };
        let emulator = Emulator::start(options).await.expect("loopback has free ports");
        let doors = ALL.iter().map(|service| service.facts().key()).chain(["iam"]);
        let endpoints: BTreeMap<_, _> = doors
            .map(|door| (door.to_owned(), emulator.endpoint(door).parse().expect("the emulator tells URLs")))
            .collect();
        let settings = Settings {
            region: emulator.region(),
            cloud: None,
            credentials: Credentials::Key {
                access_key: emulator.access_key(),
                secret_key: emulator.secret_key().into(),
                security_token: None,
            },
            assume_role: None,
            project_id: None,
            project_name: None,
            endpoints,
            auth_url: None,
            auth_url_from: String::new(),
            unsent_token: None,
            project_from: String::new(),
            insecure: false,
            authorities: cloud::Authorities::default(),
            proxy: None,
            max_retries: 5,
            user_agent: "suite".to_owned(),
        };
        let backups = Backups::new(Cloud::new(settings).expect("the settings are complete"));
        let deadline = tokio::time::Instant::now() + Duration::from_mins(10);
        Bench { emulator, backups, context: Context { deadline, stop: CancellationToken::new() } }
    }

    /// An instance for a test of its own: one that can be stopped where any of its service can.
    fn instance(&self, service: &'static dyn Service, name: &str) -> String {
        let key = service.facts().key().to_owned();
        let engine = match &*key {
            "rds" => Some("PostgreSQL".to_owned()),
            "geminidb" => Some("cassandra".to_owned()),
            _ => None,
        };
        self.emulator
            .add_instance(&NewInstance { service: key, name: name.to_owned(), engine, ..NewInstance::default() })
            .id
    }

    async fn begin(&self, service: &'static dyn Service, instance_id: &str, name: &str) -> Result<Started, Error> {
        self.backups.of(&self.context, service).begin(&want(instance_id, name)).await
    }

    async fn completed(&self, service: &'static dyn Service, started: &Started) -> Result<Backup, Error> {
        self.backups.of(&self.context, service).completed(started, &()).await
    }

    fn rows(&self, instance_id: &str) -> Vec<BackupRow> {
        self.emulator.backups().into_iter().filter(|row| row.instance_id == instance_id).collect()
    }

    fn calls(&self, method: &str, service: &'static dyn Service) -> usize {
        let calls = self.emulator.journal();
        calls.iter().filter(|call| call.method == method && call.service == service.facts().key()).count()
    }
}

fn creatable() -> impl Iterator<Item = &'static dyn Service> {
    ALL.iter().copied().filter(|service| service.facts().no_create.is_none())
}

fn of_create(kind: FaultKind, service: &'static dyn Service) -> Fault {
    Fault { service: Some(service.facts().key().to_owned()), method: Some("POST".to_owned()), ..Fault::new(kind) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_lives_the_same_life_in_every_service() {
    let bench = Bench::with_backups_of(0.6).await;
    let lives = creatable().map(async |service| {
        let key = service.facts().key();
        let instance_id = bench.instance(service, "life");
        let started = bench.begin(service, &instance_id, "suite-life").await.unwrap();
        let backup = bench.completed(service, &started).await.unwrap();
        let row = bench.emulator.backup(&started.backup_id).unwrap();
        assert_eq!((&*backup.id, &*backup.name, &backup.status), (&*row.id, "suite-life", &Status::Completed), "{key}");
        assert_eq!(backup.instance_id, instance_id, "{key}");
        assert_eq!(backup.kind.as_deref(), Some("manual"), "{key}");
        assert_eq!(backup.begin, Some(row.begin_time.parse().unwrap()), "{key}");
        assert_eq!(backup.end, Some(row.end_time.unwrap().parse().unwrap()), "{key}");
        let (told, is) = (backup.size_bytes.unwrap(), row.size_bytes);
        assert!(told.abs_diff(is) <= 1024 * 1024, "{key}: {told} {is}");

        let found = bench.backups.of(&bench.context, service).find(&started.backup()).await.unwrap();
        assert_eq!(found, Some(backup.clone()), "{key}");
        let filter = Filter {
            instance_id: Some(instance_id.clone()),
            name: Some("suite-life".to_owned()),
            kind: Some("manual".to_owned()),
            status: Some(Status::Completed),
            ..Filter::default()
        };
        assert_eq!(bench.backups.of(&bench.context, service).list(&filter).await.unwrap(), [backup], "{key}");
        let instances = bench.backups.of(&bench.context, service).instances(Some("life")).await.unwrap();
        assert_eq!(instances.len(), 1, "{key}");
        assert_eq!((&*instances[0].id, instances[0].idle), (&*instance_id, Some(true)), "{key}");

        let stop = bench.backups.of(&bench.context, service).stop(&started.backup(), &|| {}).await;
        match service.facts().stop {
            StopScope::Never => assert!(matches!(stop, Err(Error::Unsupported(_))), "{key}"),
            _ => assert!(matches!(stop, Ok(StopOutcome::NotRunning(_))), "{key}"),
        }
        bench.backups.of(&bench.context, service).delete(&started.backup()).await.unwrap();
        assert_eq!(bench.emulator.backup(&started.backup_id), None, "{key}");
        let gone = BackupRef::new(&*started.backup_id, started.instance_id.clone());
        assert_eq!(bench.backups.of(&bench.context, service).find(&gone).await.unwrap(), None, "{key}");
        bench.backups.of(&bench.context, service).delete(&gone).await.unwrap();
        assert_eq!((bench.calls("POST", service), bench.calls("DELETE", service)), (1, 1), "{key}");
    });
    join_all(lives).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ddm_is_only_read_and_deleted() {
    let bench = Bench::with_backups_of(0.5).await;
    let ddm = named("ddm").unwrap();
    let instance_id = bench.emulator.instance("ddm");
    let row = bench.emulator.add_backups(&NewBackups::of(&instance_id)).remove(0);
    assert!(matches!(bench.begin(ddm, &instance_id, "suite-ddm").await, Err(Error::Unsupported(_))));
    for instance_id in [Some(instance_id.clone()), None] {
        let backup = BackupRef::new(&*row.id, instance_id);
        let found = bench.backups.of(&bench.context, ddm).find(&backup).await.unwrap().unwrap();
        assert_eq!((&*found.name, &found.status), (&*row.name, &Status::Completed));
        assert!(!found.data_nodes.is_empty());
    }
    let backup = BackupRef::new(&*row.id, Some(instance_id));
    bench.backups.of(&bench.context, ddm).delete(&backup).await.unwrap();
    assert_eq!(bench.emulator.backup(&row.id), None);
    assert_eq!(bench.backups.of(&bench.context, ddm).find(&backup).await.unwrap(), None);
    bench.backups.of(&bench.context, ddm).delete(&backup).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_is_lost_makes_one_backup() {
    let bench = Bench::with_backups_of(0.3).await;
    let kinds = [
        FaultKind::CloseBefore,
        FaultKind::CloseAfter,
        FaultKind::Garbage,
        FaultKind::Truncate,
        FaultKind::Html,
        FaultKind::Empty,
        FaultKind::WrongType,
    ];
    // All services side by side: a search takes seconds.
    let lives = creatable().map(async |service| {
        let key = service.facts().key();
        for (nth, kind) in kinds.into_iter().enumerate() {
            let instance_id = bench.instance(service, &format!("lost-{nth}"));
            bench.emulator.fault(of_create(kind, service));
            let want =
                NewBackup { name_origin: NameOrigin::Random, ..want(&instance_id, &format!("suite-lost-{nth}")) };
            let started = bench.backups.of(&bench.context, service).begin(&want).await;
            let started = started.unwrap_or_else(|error| panic!("{key} {kind:?}: {error}"));
            bench.completed(service, &started).await.unwrap();
            let ids: Vec<_> = bench.rows(&instance_id).into_iter().map(|row| row.id).collect();
            assert_eq!(ids, [started.backup_id], "{key} {kind:?}");
        }
    });
    join_all(lives).await;
    assert_eq!(bench.emulator.faults(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_lag_behind_do_not_double_a_backup() {
    let bench = Bench::with_backups_of(0.5).await;
    bench.emulator.set_pace(|pace| pace.list_delay_seconds = 2.0);
    let dds = named("dds").unwrap();
    let instance_id = bench.instance(dds, "lag");
    bench.emulator.fault(of_create(FaultKind::CloseAfter, dds));
    let started = bench.begin(dds, &instance_id, "suite-lag").await.unwrap();
    bench.completed(dds, &started).await.unwrap();
    assert_eq!(bench.rows(&instance_id).len(), 1);
    assert_eq!(bench.calls("POST", dds), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_one_instance_wait_for_each_other() {
    let bench = Bench::with_backups_of(0.4).await;
    for service in creatable() {
        let instance_id = bench.instance(service, "busy");
        let first = bench.begin(service, &instance_id, "suite-first").await.unwrap();
        let second = bench.begin(service, &instance_id, "suite-second").await.unwrap();
        for started in [&first, &second] {
            bench.completed(service, started).await.unwrap();
        }
        assert_eq!(bench.rows(&instance_id).len(), 2, "{}", service.facts().key());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_name_is_told_with_its_holder() {
    let bench = Bench::with_backups_of(0.2).await;
    for service in creatable().filter(|service| service.facts().key() != "taurusdb") {
        let key = service.facts().key();
        let instance_id = bench.instance(service, "name");
        let started = bench.begin(service, &instance_id, "suite-name").await.unwrap();
        bench.completed(service, &started).await.unwrap();
        match bench.begin(service, &instance_id, "suite-name").await {
            Err(Error::NameTaken { existing: Some(existing), .. }) => {
                assert_eq!(existing.id, started.backup_id, "{key}");
            }
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_backup_is_stopped_or_awaited_and_then_deleted() {
    for offered in [true, false] {
        let bench = Bench::with_backups_of(1.0).await;
        for service in creatable() {
            let key = service.facts().key();
            if !offered {
                bench.emulator.set_modes(|modes| modes.not_offered = vec![format!("{key}.stop")]);
            }
            let instance_id = bench.instance(service, "running");
            let stops = bench.emulator.totals().stopped;
            let stopped = offered && service.facts().stop != StopScope::Never;
            // What is stopped runs until then; the others end by themselves.
            bench.emulator.set_pace(|pace| {
                pace.backup_seconds = if stopped { 3_600.0 } else { 1.0 };
                pace.stop_seconds = Some(0.2);
                pace.delete_seconds = Some(0.2);
            });
            let started = bench.begin(service, &instance_id, "suite-running").await.unwrap();
            bench.backups.of(&bench.context, service).delete(&started.backup()).await.unwrap();
            assert_eq!(bench.rows(&instance_id), [], "{key}");
            assert_eq!(bench.emulator.totals().stopped > stops, stopped, "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_awaited() {
    for vanishes in [false, true] {
        let bench = Bench::with_backups_of(3_600.0).await;
        bench.emulator.set_pace(|pace| pace.stop_seconds = Some(0.4));
        bench.emulator.set_modes(|modes| modes.stopped_backup_vanishes = vanishes);
        for service in creatable().filter(|service| service.facts().stop != StopScope::Never) {
            let key = service.facts().key();
            let instance_id = bench.instance(service, "stop");
            let started = bench.begin(service, &instance_id, "suite-stop").await.unwrap();
            match bench.backups.of(&bench.context, service).stop(&started.backup(), &|| {}).await.unwrap() {
                StopOutcome::Stopped(Some(backup)) if !vanishes => assert_eq!(backup.status, Status::Failed, "{key}"),
                StopOutcome::Stopped(None) if vanishes => {}
                other => panic!("{key}: {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_backup_is_an_error_that_keeps_it() {
    let bench = Bench::with_backups_of(0.3).await;
    for service in creatable() {
        let key = service.facts().key();
        let instance_id = bench.instance(service, "fail");
        bench.emulator.fault(of_create(FaultKind::FailBackup, service));
        let started = bench.begin(service, &instance_id, "suite-fail").await.unwrap();
        match bench.completed(service, &started).await {
            Err(Error::Failed { id, backup: Some(_), reason }) => {
                assert_eq!(id, started.backup_id, "{key}");
                assert_eq!(reason.is_some(), key != "rds", "{key}: a job tells the reason");
            }
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_signal_ends_the_wait_at_once() {
    let bench = Bench::with_backups_of(3600.0).await;
    let dds = named("dds").unwrap();
    let instance_id = bench.instance(dds, "signal");
    let started = bench.begin(dds, &instance_id, "suite-signal").await.unwrap();
    let begun = bench.emulator.journal().len();
    let stop = async {
        // The first of two looks was answered.
        while bench.emulator.journal().len() < begun + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.context.stop.cancel();
        bench.emulator.journal().len()
    };
    let (completed, looks) = tokio::join!(bench.completed(dds, &started), stop);
    let error = completed.unwrap_err();
    assert!(matches!(error, Error::Stopped { last: Some(_), .. }), "{error:?}");
    assert_eq!(bench.emulator.journal().len(), looks, "nothing is asked after a stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn could_not_tell_is_never_gone() {
    let bench = Bench::with_backups_of(0.2).await;
    for service in ALL.iter().copied() {
        let key = service.facts().key();
        let instance_id = bench.emulator.instance(key);
        let row = bench.emulator.add_backups(&NewBackups::of(&instance_id)).remove(0);
        let backup = BackupRef::new(&*row.id, Some(instance_id));
        for kind in [FaultKind::Garbage, FaultKind::WrongType, FaultKind::Empty] {
            let service_key = Some(key.to_owned());
            bench.emulator.fault(Fault { service: service_key, method: Some("GET".to_owned()), ..Fault::new(kind) });
            let found = bench.backups.of(&bench.context, service).find(&backup).await;
            assert!(matches!(found, Err(Error::Cloud(cloud::Error::Misread { .. }))), "{key} {kind:?}: {found:?}");
        }
        assert!(bench.backups.of(&bench.context, service).find(&backup).await.unwrap().is_some(), "{key}");
    }
}
