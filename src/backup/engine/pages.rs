//! Lists that always end: on an empty or short page, on a page that brings nothing new, and at a bound. What the cloud says
//! about the total is not relied on, but a list that promises more and repeats itself, or ends, is an error, not taken for
//! complete.
//! Every filter is applied again here.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::ControlFlow;

use super::client::Client;
use super::pace;
use crate::backup::{Backup, Error, Filter, Instance, Misread, NewRestore, Page, Unsupported};
use crate::cloud::{Call, Reply};

/// How much of a list was read.
#[derive(Debug, Default)]
pub(super) struct PagesRead {
    /// How many pages were read.
    pub(super) pages: u32,
    /// The cloud says that there are more records than were wanted.
    pub(super) is_too_long: bool,
}

/// What the page before the one that is read said of the list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promise {
    /// How many records it has.
    pub(super) told: Option<u64>,
    /// Whether that page was a full one.
    pub(super) full: bool,
}

impl Promise {
    /// How many records were promised, if a list that ends after so many, with such a total, does not keep it. A list that has
    /// shrunk says so itself, and one that has promised too much all along, with pages that were not full, goes on saying it.
    pub(super) fn broken(self, came: u64, total: Option<u64>) -> Option<u64> {
        let told = self.told.filter(|told| *told > came)?;
        let has_shrunk = total.is_some_and(|total| (1..=came).contains(&total));
        (!has_shrunk && (self.full || total != Some(told))).then_some(told)
    }
}

/// What a list is good for in which a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// Nothing: who goes by what a list does not show needs all of it.
    Fails,
    /// The others, beside why it cannot be read.
    IsTold,
}

impl Unread {
    fn checked<T>(self, page: Page<Result<T, Misread>>) -> Result<Page<Result<T, Misread>>, Misread> {
        match page.items.iter().find_map(|record| record.as_ref().err()) {
            Some(why) if self == Unread::Fails => Err(why.clone()),
            _ => Ok(page),
        }
    }
}

impl Client<'_> {
    /// All backups that match, newest first.
    pub async fn list(self, filter: &Filter) -> Result<Vec<Backup>, Error> {
        Ok(matching(self, filter, Unread::Fails).await?.0)
    }

    /// The same, long enough after an earlier look that what neither shows does not run there.
    pub async fn list_again(self, filter: &Filter) -> Result<Vec<Backup>, Error> {
        // At a stop or the deadline the list says so.
        let _ = self.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await;
        self.list(filter).await
    }

    /// The same of a list in which some records cannot be read, and why those cannot.
    pub async fn list_readable(self, filter: &Filter) -> Result<(Vec<Backup>, Vec<Misread>), Error> {
        matching(self, filter, Unread::IsTold).await
    }

    /// As [`Self::list`] in any order, if that means looking through at most so many records; `None` as soon as it means more.
    pub async fn list_few(self, filter: &Filter, most: u64) -> Result<Option<Vec<Backup>>, Error> {
        let mut found = Vec::new();
        let mut seen = 0;
        let read = backups_up_to(self, filter, Some(most), |backup| {
            seen += 1;
            if matches(filter, &backup) {
                found.push(backup);
            }
            if seen > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        Ok((seen <= most && !read.is_too_long).then_some(found))
    }

    /// Hands every backup that matches to `each` as its page comes, in the cloud's order, until it breaks off; and why a record
    /// cannot be read.
    pub async fn each(
        self,
        filter: &Filter,
        each: impl FnMut(Result<Backup, Misread>) -> ControlFlow<()> + Send,
    ) -> Result<(), Error> {
        records(self, filter, Unread::IsTold, each).await
    }

    /// All instances, or those with exactly that name.
    pub async fn instances(self, name: Option<&str>) -> Result<Vec<Instance>, Error> {
        Ok(instances(self, name, Unread::Fails).await?.0)
    }

    /// The same of a list in which some records cannot be read, and why those cannot.
    pub async fn instances_readable(self, name: Option<&str>) -> Result<(Vec<Instance>, Vec<Misread>), Error> {
        instances(self, name, Unread::IsTold).await
    }
}

/// What matches, newest first, and why other records cannot be read.
async fn matching(
    client: Client<'_>,
    filter: &Filter,
    if_unread: Unread,
) -> Result<(Vec<Backup>, Vec<Misread>), Error> {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    records(client, filter, if_unread, |record| {
        match record {
            Ok(backup) => found.push(backup),
            Err(why) => unread.push(why),
        }
        ControlFlow::Continue(())
    })
    .await?;
    found.sort_by_cached_key(|backup| (Reverse(backup.begin), backup.id.clone()));
    Ok((found, unread))
}

async fn instances(
    client: Client<'_>,
    name: Option<&str>,
    if_unread: Unread,
) -> Result<(Vec<Instance>, Vec<Misread>), Error> {
    let service = client.service;
    let limit = service.facts().page_limit;
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    read_pages(
        client,
        |offset| Ok(vec![service.instances(name, offset, limit)]),
        |reply| if_unread.checked(service.instance_records(reply)?),
        |record: &Result<Instance, Misread>| record.as_ref().ok().map(|instance| &instance.id),
        None,
        |record| {
            match record {
                Ok(instance) if name.is_none_or(|name| instance.name == name) => found.push(instance),
                Ok(_) => {}
                Err(why) => unread.push(why),
            }
            ControlFlow::Continue(())
        },
    )
    .await?;
    Ok((found, unread))
}

/// Whether the service lists the target among the instances that can take the restore; `None` where it lists none at all.
pub(super) async fn lists_target(client: Client<'_>, want: &NewRestore) -> Result<Option<bool>, Error> {
    let service = client.service;
    let limit = service.facts().page_limit;
    if service.restorable(want, 0, limit).is_none() {
        return Ok(None);
    }
    let mut listed = false;
    read_pages(
        client,
        |offset| Ok(service.restorable(want, offset, limit).into_iter().collect()),
        |reply| service.restorable_read(reply),
        |id: &String| Some(id),
        None,
        |id| {
            listed |= id == want.target_instance_id;
            if listed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    )
    .await?;
    Ok(Some(listed))
}

/// The first backup of a list that is the one meant. Here and in [`those`] the filter narrows only what the service can narrow.
pub(super) async fn first(
    client: Client<'_>,
    filter: &Filter,
    is_it: impl Fn(&Backup) -> bool,
) -> Result<(Option<Backup>, PagesRead), Error> {
    let mut found = None;
    let read = backups_up_to(client, filter, None, |backup| {
        found = Some(backup).filter(&is_it);
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await?;
    Ok((found, read))
}

/// All backups of a list that something is made of.
pub(super) async fn those<T>(
    client: Client<'_>,
    filter: &Filter,
    make: impl Fn(Backup) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    backups_up_to(client, filter, None, |backup| {
        found.extend(make(backup));
        ControlFlow::Continue(())
    })
    .await?;
    Ok(found)
}

/// Hands each record that matches, or that cannot be read, to `each` until it breaks off. What is asked for and not told cannot
/// be read: nobody knows whether it matches.
async fn records(
    client: Client<'_>,
    filter: &Filter,
    if_unread: Unread,
    mut each: impl FnMut(Result<Backup, Misread>) -> ControlFlow<()>,
) -> Result<(), Error> {
    read_pages(
        client,
        calls(client, filter),
        |reply| if_unread.checked(client.service.records(reply)?),
        |record: &Result<Backup, Misread>| record.as_ref().ok().map(|backup| &backup.id),
        None,
        |record| match &record {
            Ok(backup) if matches(filter, backup) => each(record),
            Ok(backup) => match untold(filter, backup) {
                Some(what) => each(Err(Misread(format!("the backup {} has no {what}", backup.id)))),
                None => ControlFlow::Continue(()),
            },
            Err(_) => each(record),
        },
    )
    .await
    .map(drop)
}

/// Hands every backup once to `each` until it breaks off. With `most`, the cloud's word about the total is good enough: the list ends where it is reached, and at once
/// where it is larger than that.
async fn backups_up_to(
    client: Client<'_>,
    filter: &Filter,
    most: Option<u64>,
    each: impl FnMut(Backup) -> ControlFlow<()>,
) -> Result<PagesRead, Error> {
    read_pages(
        client,
        calls(client, filter),
        |reply| client.service.listed(reply),
        |backup: &Backup| Some(&backup.id),
        most,
        each,
    )
    .await
}

/// The calls for the pages of a list from a record on, one for each kind.
fn calls(client: Client<'_>, filter: &Filter) -> impl Fn(u64) -> Result<Vec<Call>, Unsupported> {
    let limit = client.service.facts().page_limit;
    move |offset| client.service.list(filter, offset, limit)
}

/// What the filter asks for and a backup does not tell, if nothing that it tells is against it.
fn untold(filter: &Filter, backup: &Backup) -> Option<String> {
    let mut rest = filter.clone();
    let mut untold = Vec::new();
    if backup.instance_id.is_empty() && rest.instance_id.take().is_some() {
        untold.push("instance id");
    }
    if backup.name.is_empty() && rest.name.take().or(rest.name_prefix.take()).is_some() {
        untold.push("name");
    }
    if backup.kind.is_none() && rest.kind.take().is_some() {
        untold.push("type");
    }
    if backup.begin.is_none() && rest.begin_after.take().or(rest.begin_before.take()).is_some() {
        untold.push("begin that can be read");
    }
    (!untold.is_empty() && matches(&rest, backup)).then(|| untold.join(" and no "))
}

/// Whether a backup is what the filter asks for.
pub(super) fn matches(filter: &Filter, backup: &Backup) -> bool {
    fn is<T: PartialEq>(wanted: Option<&T>, is: Option<&T>) -> bool {
        wanted.is_none() || wanted == is
    }
    is(filter.instance_id.as_ref(), Some(&backup.instance_id))
        && is(filter.name.as_ref(), Some(&backup.name))
        && is(filter.status.as_ref(), Some(&backup.status))
        && filter.kind.as_ref().is_none_or(|kind| backup.kind.as_ref().is_some_and(|is| is.eq_ignore_ascii_case(kind)))
        && filter.name_prefix.as_ref().is_none_or(|prefix| backup.name.starts_with(prefix.as_str()))
        && filter.begin_after.is_none_or(|after| backup.begin.is_some_and(|begin| begin >= after))
        && filter.begin_before.is_none_or(|before| backup.begin.is_some_and(|begin| begin <= before))
}

async fn read_pages<T>(
    client: Client<'_>,
    calls: impl Fn(u64) -> Result<Vec<Call>, Unsupported>,
    read: impl Fn(&Reply) -> Result<Page<T>, Misread>,
    id: impl Fn(&T) -> Option<&String>,
    most: Option<u64>,
    mut each: impl FnMut(T) -> ControlFlow<()>,
) -> Result<PagesRead, Error> {
    let limit = usize::try_from(client.service.facts().page_limit).unwrap_or(usize::MAX);
    let mut turned = PagesRead::default();
    let mut seen = HashSet::new();
    for kind in 0..calls(0)?.len() {
        let (mut offset, mut promise, mut doubted) = (0, Promise::default(), false);
        while let Some(call) = calls(offset)?.into_iter().nth(kind) {
            let reply = client.send(&call).await?;
            let page = read(&reply).map_err(|Misread(reason)| client.misread(&call, &reply, reason))?;
            turned.pages += 1;
            let total = page.total.filter(|_| most.is_some());
            turned.is_too_long |= total > most;
            if turned.is_too_long {
                return Ok(turned);
            }
            let length = page.items.len();
            let mut new = 0;
            for item in page.items {
                // What has no id may be anything.
                if id(&item).is_none_or(|id| seen.insert(id.clone())) {
                    new += 1;
                    if each(item).is_break() {
                        return Ok(turned);
                    }
                }
            }
            offset += length as u64;
            let short = length < limit && page.total.is_none_or(|total| offset >= total);
            if length == 0 || short || total == Some(offset) {
                let Some(told) = promise.broken(offset, page.total) else { break };
                if doubted {
                    let reason = format!("the list ends early: {offset} of {told} records came");
                    return Err(client.misread(&call, &reply, reason).into());
                }
                // One page proves nothing. At a stop or the deadline the next call says so.
                let _ = client.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await;
                (offset, doubted) = (offset - length as u64, true);
                continue;
            }
            promise = Promise { told: page.total, full: length >= limit };
            if new == 0 {
                // A server that ignores the offset sends its first page for ever.
                if let Some(total) = page.total.filter(|total| length >= limit && *total > seen.len() as u64) {
                    let reason = format!("the list repeats itself: {} of {total} records came", seen.len());
                    return Err(client.misread(&call, &reply, reason).into());
                }
                break;
            }
            if turned.pages >= pace::MAX_PAGES || seen.len() > pace::MAX_RECORDS {
                let reason =
                    format!("the list has no end: {} pages with {} records were read", turned.pages, seen.len());
                return Err(client.misread(&call, &reply, reason).into());
            }
        }
    }
    Ok(turned)
}
