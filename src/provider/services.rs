//! Services by the words people use: keys, instance ids, import ids.

use super::checks;
use super::words::series;
use crate::backup::{self, ALL, Backup, BackupRef, Backups, Service, Sight, Unsupported};
use crate::plugin::{Attr, Diagnostic, Diagnostics};

/// The keys of all services, in the documentation's order.
pub(super) fn keys() -> Vec<&'static str> {
    ALL.iter().map(|service| service.facts().product.key).collect()
}

/// A sentence that lists them with their names.
pub(super) fn allowed() -> String {
    let each = ALL.iter().map(|service| format!("`{}` ({})", service.facts().product.key, service.facts().title));
    format!("One of {}.", each.collect::<Vec<_>>().join(", "))
}

/// A sentence, with a space before it, that names those whose backups can only be looked at.
pub(super) fn query_only() -> String {
    let each = ALL.iter().map(|service| service.facts()).filter(|facts| facts.no_create.is_some());
    let keys = each.map(|facts| format!("`{}`", facts.product.key)).collect::<Vec<_>>();
    match keys.as_slice() {
        [] => String::new(),
        keys => format!(" Backups of {} can be looked up, but not taken.", keys.join(", ")),
    }
}

/// The service that an argument or a state names.
pub(super) fn required(key: &Attr<String>) -> Result<&'static dyn Service, Diagnostics> {
    key.known().and_then(|key| backup::named(key)).ok_or_else(|| {
        let key = key.text();
        Diagnostic::error(
            "Unknown service",
            format!("There is no service {key:?}. Allowed are: {}.", keys().join(", ")),
        )
        .at("service")
        .into()
    })
}

/// An import id without the region that may stand behind an `@`, and that region; or what is wrong with it.
pub(super) fn without_region(id: &str) -> Result<(&str, Option<String>), String> {
    let Some((path, region)) = id.split_once('@') else { return Ok((id, None)) };
    if region.contains('@') {
        return Err("it contains more than one `@`".to_owned());
    }
    checks::check_region(region).map_err(|why| format!("its region cannot be one: {why}"))?;
    Ok((path, Some(region.to_owned())))
}

/// The import id of a backup, with its region wherever that is known: it may not be the provider's, or not that of the one who imports.
pub(super) fn importable(service: &str, region: &str, instance_id: &str, id: &str) -> String {
    let at = if region.is_empty() { String::new() } else { format!("@{region}") };
    format!("{service}/{instance_id}/{id}{at}")
}

/// The block that takes a backup into a state. Terraform 1.5 and later.
pub(super) fn import_block(service: &str, region: &str, backup: &Backup) -> String {
    let id = importable(service, region, &backup.instance_id, &backup.id);
    format!("import {{\n  to = huaweidb_manual_backup.example\n  id = \"{id}\"\n}}")
}

/// That what stands for an instance's id is the name of these instances, if it is.
pub(super) fn by_name(named: &[String]) -> Option<String> {
    match named {
        [] => None,
        [id] => Some(format!("That is the name of an instance. Write its id: `instance_id = \"{id}\"`.")),
        ids => Some(format!("That is the name of several instances. Write the id of one of them: {}.", ids.join(", "))),
    }
}

/// The ids of the instances whose name is given where an instance's id is needed.
pub(super) async fn named(client: &Backups, service: &'static dyn Service, id: &Attr<String>) -> Vec<String> {
    match client.ahead_of(service).sight(id.text()).await {
        Ok(Some(Sight::Absent(named))) => named,
        _ => Vec::new(),
    }
}

/// A sentence, with a space behind it, that an import names an instance, and the import ids that are meant.
pub(super) fn imported_by_name(name: &str, meant: &[String]) -> String {
    format!("{name:?} is an instance's name, but its id is needed: import it as {}. ", meant.join(", or as "))
}

/// A sentence, with a space behind it, that names the service as whose the instance's id ends, if that is another one.
pub(super) fn other_service(service: &str, instance_id: &str) -> String {
    let other = of_instance(instance_id).map(|(other, _)| other.facts()).filter(|other| other.key() != service);
    other.map_or(String::new(), |other| {
        format!("The instance's id ends like those of {} (`{}`). ", other.title, other.key())
    })
}

/// That the project lacks an instance. `undone`: what was not done for that reason.
pub(super) fn no_such_instance(service: &str, id: &str, region: &str, undone: &str) -> Diagnostic {
    let other = other_service(service, id);
    let detail = format!(
        "The instance {id} of `{service}` is not in the project that the provider uses in {region}. {undone} {other}Check \
         `service`, `instance_id` and `region`; `terraform-provider-huaweidb doctor` shows the project."
    );
    Diagnostic::error("Instance was not found", detail).at("instance_id")
}

/// What to say when a service cannot look anything up without an instance.
pub(super) fn lacks_instance(why: &Unsupported) -> Diagnostic {
    checks::missing("instance_id", format!("{why}."))
}

/// The service whose ids end as this one does, and the engine behind that ending, where it is one only.
pub(super) fn of_instance(instance_id: &str) -> Option<(&'static dyn Service, Option<&'static str>)> {
    let fits = |(suffix, _): &&(&str, _)| instance_id.len() == 36 && instance_id.ends_with(suffix);
    ALL.iter().find_map(|service| Some((*service, service.facts().instance_suffixes.iter().find(fits)?.1)))
}

/// What to say of a service in which nobody takes backups by hand.
pub(super) fn without_manual_backups(service: &dyn Service) -> Option<Diagnostic> {
    let why = service.facts().no_create?;
    let detail = format!("{why}. Choose another `service`, or look its backups up with the data sources.");
    Some(Diagnostic::error("This service takes no manual backups", detail).at("service"))
}

/// A warning if the end of the instance id in that argument names another service.
pub(super) fn foreign_suffix(
    service: &'static dyn Service,
    argument: &str,
    instance_id: &Attr<String>,
) -> Option<Diagnostic> {
    let instance_id = instance_id.as_str()?;
    let ends = |other: &dyn Service| other.facts().suffixes().any(|suffix| instance_id.ends_with(suffix));
    if instance_id.len() != 36 || ends(service) {
        return None;
    }
    let other = ALL.iter().find(|other| ends(**other))?.facts();
    let facts = service.facts();
    let detail = format!(
        "The id ends like those of {} (`{}`), while `service` is `{}`, whose ids end in {}. If the cloud refuses it, \
         change `service`.",
        other.title,
        other.product.key,
        facts.product.key,
        series(facts.suffixes(), "or"),
    );
    Some(Diagnostic::warning("Instance id looks like another service's", detail).at(argument))
}

/// Reads an import id: `<service>/<instance_id>/<backup_id>`, or without the instance where the service can do so; behind an
/// `@` the region, if it is not the provider's.
pub(super) fn import_id(id: &str) -> Result<(&'static dyn Service, BackupRef, Option<String>), Diagnostics> {
    let (path, region) = without_region(id).map_err(|why| malformed(id, &why))?;
    let parts = path.split('/').collect::<Vec<_>>();
    let (key, instance_id, backup_id) = match parts.as_slice() {
        [key, instance, backup] => (*key, Some((*instance).to_owned()), *backup),
        [key, backup] => (*key, None, *backup),
        _ => return Err(malformed(id, "it has the wrong number of parts")),
    };
    let Some(service) = backup::named(key) else {
        return Err(malformed(id, &format!("there is no service {key:?}")));
    };
    if let Some(why) = service.facts().no_create {
        return Err(malformed(id, &format!("{why}; their backups can be read with the data sources")));
    }
    if backup_id.is_empty() || instance_id.as_deref() == Some("") {
        return Err(malformed(id, "a part of it is empty"));
    }
    if parts.iter().any(|part| part.trim() != *part || part.chars().any(|c| c.is_control() || c.is_whitespace())) {
        return Err(malformed(id, "it contains white space"));
    }
    if instance_id.is_none() && service.facts().needs_instance {
        return Err(malformed(
            id,
            &format!("{} finds a backup only together with its instance", service.facts().title),
        ));
    }
    Ok((service, BackupRef::new(backup_id, instance_id), region))
}

/// Reads the attributes of an identity: what they say together would be an import id, but nobody has written that.
pub(super) fn identified(
    [key, region, instance_id, id]: [&str; 4],
) -> Result<(&'static dyn Service, BackupRef, Option<String>), Diagnostics> {
    let refused = |name: &str, value: &str, why: &str| {
        let detail = format!("`{name}` of the identity is {value:?}: {why}. Nothing was imported.");
        Diagnostics::from(Diagnostic::error("Object cannot be imported by this identity", detail))
    };
    for (name, value) in [("service", key), ("instance_id", instance_id), ("id", id)] {
        if value.is_empty() {
            return Err(refused(name, value, "it must not be empty"));
        }
        if value.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/' || c == '@') {
            return Err(refused(name, value, "it contains white space, `/`, `@` or a control character"));
        }
    }
    let service = backup::named(key)
        .ok_or_else(|| refused("service", key, &format!("the services are {}", keys().join(", "))))?;
    if let Some(why) = service.facts().no_create {
        return Err(refused("service", key, &format!("{why}; their backups can be read with the data sources")));
    }
    if !region.is_empty() {
        checks::check_region(region).map_err(|why| refused("region", region, &why))?;
    }
    let region = Some(region.to_owned()).filter(|region| !region.is_empty());
    Ok((service, BackupRef::new(id, Some(instance_id.to_owned())), region))
}

fn malformed(id: &str, why: &str) -> Diagnostics {
    let can = || ALL.iter().map(|service| service.facts()).filter(|facts| facts.no_create.is_none());
    let short = can().filter(|facts| !facts.needs_instance);
    Diagnostic::error(
        "Invalid import id",
        format!(
            "{id:?} cannot be imported: {why}.\n\n\
             The form is `<service>/<instance_id>/<backup_id>`; the services are {}. For {} the instance may be left out: \
             `<service>/<backup_id>`. For another region than the provider's, add `@` and its name.\n\n\
             Example: `dds/a89dab5e39394eccbdb77b19d57b0180in02/bf9ee62a7f7044c583c6765c916c36edbr02`.",
            can().map(|facts| facts.product.key).collect::<Vec<_>>().join(", "),
            short.map(|facts| facts.product.key).collect::<Vec<_>>().join(", "),
        ),
    )
    .into()
}
