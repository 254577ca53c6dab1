//! The ephemeral resource `huaweidb_backup_download`: links under which a backup can be downloaded for a while.

use std::time::Duration;

use secrecy::SecretString;

use super::explain::{About, Doing, explain};
use super::fields::told;
use super::{checks, client, fields, services, words};
use crate::backup::{self, ALL, BackupRef, Backups, DownloadFile};
use crate::cloud::Context;
use crate::plugin::{Attr, Attribute, Diagnostics, EphemeralResource, Lease, Schema, model};

model! {
    /// What was asked and what was found.
    pub(super) struct Links {
        service: Attr<String>,
        instance_id: Attr<String>,
        backup_id: Attr<String>,
        region: Attr<String>,
        bucket: Attr<String>,
        files: Attr<Vec<FileObject>>,
    }
}

model! {
    /// One file.
    pub(super) struct FileObject {
        name: Attr<String>,
        size_bytes: Attr<i64>,
        download_link: Attr<SecretString>,
        expires_at: Attr<String>,
        database_name: Attr<String>,
        group_name: Attr<String>,
    }
}

/// `huaweidb_backup_download`
pub(super) struct BackupDownload;

/// How long the cloud may take to hand out links.
const LIMIT: Duration = Duration::from_mins(2);

/// The services that hand out links.
fn offering() -> impl Iterator<Item = &'static str> {
    let any = BackupRef::new("b", Some("i".to_owned()));
    ALL.iter().filter(move |service| service.download(&any).is_some()).map(|service| service.facts().key())
}

impl EphemeralResource<Backups> for BackupDownload {
    type Model = Links;

    fn schema(&self) -> Schema {
        let services = words::series(offering().map(|key| format!("`{key}`")), "and");
        Schema::new(
            "Links under which the files of a completed backup can be downloaded for a limited time. They are asked for in \
             every plan and apply and stored nowhere: whoever has a link has the data.",
        )
        .attribute(
            Attribute::string("service")
                .required()
                .one_of(offering())
                .describe(format!("Database service of the backup. Only {services} hand out links.")),
        )
        .attribute(Attribute::string("backup_id").required().check(fields::check_id).describe("Id of the backup. It must be `COMPLETED`."))
        .attribute(Attribute::string("instance_id").check(fields::check_id).describe("Id of its instance. Default: none; `dds` needs it."))
        .attribute(Attribute::string("region").check(fields::check_asked_region).describe(fields::ASKED_REGION))
        .attribute(told("bucket", "Object storage bucket that holds the files, where the service tells it."))
        .attribute(
            Attribute::computed_list_of(
                "files",
                vec![
                    told("name", "Name of the file."),
                    Attribute::integer("size_bytes").computed().describe("Size in bytes."),
                    told("download_link", "Where to get it. The link contains its own signature."),
                    told("expires_at", "When the link ends: RFC 3339, UTC."),
                    told("database_name", "The database in it, for backups of single databases."),
                    told("group_name", "The shard or node group it is of, where the service tells it."),
                ],
            )
            .sensitive()
            .describe("The files."),
        )
        .read_timeout(LIMIT)
    }

    fn validate(&self, config: &Links) -> Diagnostics {
        // Of a service that hands out no links at all, the schema says so.
        let lacks = |service: &&dyn backup::Service| {
            service.download(&BackupRef::new("b", None)).is_none() && offering().any(|key| key == service.facts().key())
        };
        let service = config.service.as_str().and_then(backup::named);
        match service.filter(lacks).filter(|_| config.instance_id.is_null()) {
            Some(service) => {
                let detail = format!("{} finds the files of a backup only with its instance.", service.facts().title);
                checks::missing("instance_id", format!("{detail} Set `instance_id`.")).into()
            }
            None => Diagnostics::new(),
        }
    }

    async fn open(&self, client: &Backups, config: Links, lease: &mut Lease) -> Result<Links, Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::regional(client, &config.region);
        let context = Context { deadline: lease.deadline(), stop: lease.stop().clone() };
        let reference = BackupRef::new(config.backup_id.text().to_owned(), config.instance_id.known().cloned());
        let about = About { service: service.facts().key(), id: Some(&reference.id), name: None, region: "" };
        let download = client.of(&context, service).download(&reference).await;
        let download = download.map_err(|error| explain(Doing::Download, about, &error))?;
        let bucket = download.bucket.into();
        Ok(Links { bucket, files: Attr::Known(download.files.into_iter().map(object).collect()), ..config })
    }
}

fn object(file: DownloadFile) -> FileObject {
    FileObject {
        name: fields::text(Some(&file.name)),
        size_bytes: fields::count(file.size_bytes),
        download_link: Attr::Known(file.link),
        expires_at: fields::time(file.expires),
        database_name: file.database.into(),
        group_name: file.group.into(),
    }
}
