//! What a plan says of what its apply would meet.

use huaweidb_emulator::{NewBackups, NewInstance};

use super::shared::{ADDRESS, SERVICES, backup, emulator, resource};
use crate::offers::Cli;

pub(super) fn preflight(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let name = "orders-production".to_owned();
    let orders = emulator.add_instance(&NewInstance { service: "dds".to_owned(), name, ..NewInstance::default() }).id;
    let line = |wanted: &str| {
        let main = workspace.read("main.tf");
        let line = 1 + main.lines().position(|line| line.contains(wanted)).expect("it is in the file");
        format!("main.tf line {line}")
    };
    let of = |instance: &str| backup(&emulator, "  name = \"nightly\"").replace(&emulator.instance("dds"), instance);
    // The commonest mistake: the name of the instance in place of its id.
    workspace.configure(&of("orders-production"));
    let plan = workspace.run(&["plan"]).failed().says("Instance was not found").says(&line("orders-production"));
    plan.says(&format!("instance_id = \"{orders}\""));
    workspace.configure(&of("0123456789abcdef0123456789abcdefin02"));
    workspace.run(&["plan"]).failed().says("Instance was not found").says("`preflight = false`");
    // Switched off, the cloud itself refuses.
    workspace.write(
        "main.tf",
        &workspace
            .read("main.tf")
            .replace("endpoints = var.endpoints", "endpoints = var.endpoints\n  preflight = false"),
    );
    workspace.run(&["plan"]).succeeded();
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup was not created");
    // A name that somebody else's backup has.
    let taken = NewBackups { name: Some("nightly".to_owned()), ..NewBackups::of(&emulator.instance("dds")) };
    let holder = emulator.add_backups(&taken).remove(0).id;
    workspace.configure(&backup(&emulator, "  name = \"nightly\""));
    workspace.run(&["plan"]).failed().says("Name is taken").says(&holder).says(&line("name = \"nightly\""));
    assert!(emulator.vanish(&holder));
    // Something else runs there: a note.
    emulator.keep_busy(&emulator.instance("dds"), 60.0);
    workspace.run(&["plan"]).succeeded().says("Instance is busy").says("1 to add");
    emulator.keep_busy(&emulator.instance("dds"), 0.0);
    workspace.apply();
    // Its own name is free for what replaces it, also where the CLI alone decides on that.
    workspace.run(&["taint", ADDRESS]).succeeded();
    workspace.run(&["plan", "-refresh=false"]).succeeded().says("1 to add, 0 to change, 1 to destroy");
    workspace.apply().says("Resources: 1 added, 0 changed, 1 destroyed");
    workspace.nothing_to_do();
    workspace.destroy();
}

/// A new address for the same fixed name, and no `moved` block: the old backup goes, then the new one is taken.
pub(super) fn renamed(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let all = |address: &str| {
        SERVICES
            .iter()
            .map(|service| resource(&emulator, service, &format!("{address}_{service}"), "  name = \"nightly\""))
            .collect::<String>()
    };
    workspace.configure(&all("old"));
    workspace.apply();
    let before: Vec<_> = emulator.backups().into_iter().map(|row| row.id).collect();
    workspace.configure(&all("new"));
    let plan = workspace.run(&["plan"]).succeeded().says("5 to add, 0 to change, 5 to destroy");
    if cli.offers("planned destroys") {
        plan.says("Backup of the same name is deleted first").says("moved {");
    }
    emulator.set_pace(|pace| pace.delete_seconds = Some(3.0));
    workspace.apply().says("Resources: 5 added, 0 changed, 5 destroyed");
    let after: Vec<_> = emulator.backups().into_iter().map(|row| row.id).collect();
    assert!(after.len() == 5 && after.iter().all(|id| !before.contains(id)), "{before:?} {after:?}");
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

/// A saved plan that is applied with other settings than it was made with changes nothing, and nobody blames the provider.
pub(super) fn applied_elsewhere(cli: &Cli) {
    let emulator = emulator(0.2);
    let (home, team) = (emulator.project_id(), emulator.project_id_of(&emulator.domain_name(), "eu-de_team1"));
    let mut workspace = cli.workspace(&emulator);
    let net = format!(
        "resource \"huaweidb_final_backup\" \"net\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n}}\n",
        emulator.instance("dds")
    );
    let resources = [backup(&emulator, "  name_prefix = \"nightly-\""), net];
    let told = if cli.offers("planned values") {
        "Plan was made for another region or project"
    } else {
        "Instance was not found"
    };
    let elsewhere = [("eu-nl", emulator.project_id_in("eu-nl")), ("eu-de", team)];
    for (resource, (region, project)) in
        resources.iter().flat_map(|one| elsewhere.iter().map(move |place| (one, place)))
    {
        workspace.configure(resource);
        workspace.set("HW_REGION_NAME", "eu-de");
        workspace.set("HW_PROJECT_ID", &home);
        workspace.run(&["plan", "-out=saved"]).succeeded();
        workspace.set("HW_REGION_NAME", region);
        workspace.set("HW_PROJECT_ID", project);
        let ran = workspace.run(&["apply", "saved"]).failed().says(told);
        assert!(!ran.words().contains("bug in the provider"), "{}", ran.all());
    }
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
    assert!(emulator.backups().is_empty());
}
