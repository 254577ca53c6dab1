//! The provider for one host: how it is configured, and whether it is to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::coding::configured;
use crate::plugin::catalogue::Shelf;
use crate::plugin::erased::{Held, Offered};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::provider::faults;
use crate::plugin::stop::Stop;
use crate::plugin::{Block, Catalogue, Diagnostic, Diagnostics, Provider, Value, gate};

pub(super) struct Session<P: Provider> {
    offer: Arc<Offer<P>>,
    configured: RwLock<Configured<P::Client>>,
    hears_progress_at_once: AtomicBool,
    /// What asks this host's operations to stop.
    pub(super) stop: Stop,
}

/// What every host is offered.
struct Offer<P: Provider> {
    provider: Held<P>,
    catalogue: OnceLock<Catalogue<P::Client>>,
}

/// How far the provider is configured.
pub(super) enum Configured<C> {
    NotYet,
    /// It was, but with settings that only apply will tell.
    Unknown,
    /// It lacks something, which is told to whoever needs the client.
    Lacking(Diagnostics),
    With(Arc<C>),
}

impl<P: Provider> Session<P> {
    pub(super) fn new(provider: P, stop: Stop) -> Self {
        // What does not fit together is found by the first test that builds the provider.
        debug_assert_eq!(faults(&provider), [""; 0]);
        let provider = Held::new(provider, Provider::schema, Provider::validate);
        Session::serving(Arc::new(Offer { provider, catalogue: OnceLock::new() }), stop)
    }

    /// The same provider for another host: neither's configuration or stop is the other's.
    pub(super) fn for_another(&self) -> Self {
        Session::serving(Arc::clone(&self.offer), self.stop.below())
    }

    fn serving(offer: Arc<Offer<P>>, stop: Stop) -> Self {
        let hears_progress_at_once = AtomicBool::new(true);
        Session { offer, configured: RwLock::new(Configured::NotYet), hears_progress_at_once, stop }
    }

    pub(super) fn provider(&self) -> &Held<P> {
        &self.offer.provider
    }

    pub(super) fn catalogue(&self) -> &Catalogue<P::Client> {
        self.offer.catalogue.get_or_init(|| self.provider().inner.catalogue())
    }

    /// What of a shelf has this type name.
    pub(super) fn find<T: ?Sized>(
        &self,
        from: fn(&Catalogue<P::Client>) -> &Shelf<T>,
        type_name: &str,
    ) -> Result<&T, Diagnostics> {
        let name = self.provider().inner.name();
        let things = from(self.catalogue());
        let short = type_name.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        short.and_then(|short| things.get(short)).ok_or_else(|| {
            let what = things.kind;
            let start: String = type_name.chars().take(100).collect();
            let detail = format!(
                "This version of the provider `{name}` has no {what} {start:?}. A later one may: `terraform init -upgrade` looks for it."
            );
            Diagnostic::error(things.unknown, detail).into()
        })
    }

    /// All of a shelf under their type names, each as `one` makes it.
    pub(super) fn all<T: ?Sized, R, All: FromIterator<R>>(
        &self,
        things: &Shelf<T>,
        one: impl Fn(String, &T) -> R,
    ) -> All {
        let provider = self.provider().inner.name();
        things.iter().map(|(name, found)| one(format!("{provider}_{name}"), found)).collect()
    }

    /// Keeps messages about something of this type, or without one about the provider, from pointing at secrets. Where
    /// several kinds of things have the name, what one of them hides is hidden in all.
    pub(super) fn discreet(&self, type_name: &str, diagnostics: &mut [wire::Diagnostic]) {
        if diagnostics.iter().all(|one| one.attribute.is_none()) {
            return;
        }
        let prefix = format!("{}_", self.provider().inner.name());
        let blocks: Vec<&Block> = match type_name.strip_prefix(&prefix) {
            None => vec![self.provider().compiled().block()],
            Some(short) => {
                let named = self.catalogue().offered().filter(|(_, name, _)| *name == short);
                named.map(|(.., one)| one.compiled().block()).collect()
            }
        };
        for one in diagnostics {
            let path = one.attribute.take().map(|path| blocks.iter().fold(path, |path, block| block.shown(path)));
            one.attribute = path.filter(|path| !path.steps.is_empty());
        }
    }

    pub(super) fn configure(&self, configured: Configured<P::Client>) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
    }

    /// Whether the host may be told of progress while an action goes on, or only at its end.
    pub(super) fn hears_progress_at_once(&self) -> bool {
        self.hears_progress_at_once.load(Ordering::Relaxed)
    }

    pub(super) fn tell_progress_at_once(&self, at_once: bool) {
        self.hears_progress_at_once.store(at_once, Ordering::Relaxed);
    }

    /// The client, for what cannot be done without one.
    pub(super) fn client(&self) -> Result<Arc<P::Client>, Diagnostics> {
        self.client_if_known()?.ok_or_else(|| {
            Diagnostic::error(
                "Provider configuration is not known yet",
                "The provider block uses a value that only apply will tell, so nothing can be read or changed with it \
                 now. Apply what that value comes from first, for example with -target, or write the value out. If a destroy ends \
                 here, because what the value comes from is to be replaced, -refresh=false helps.",
            )
            .into()
        })
    }

    /// The configuration of something that is about to be used, with the client to use: neither comes without the gate.
    pub(super) fn used(
        &self,
        of: &dyn Offered,
        config: Option<&wire::DynamicValue>,
    ) -> Result<(Value, Arc<P::Client>), Diagnostics> {
        let config = configured(of, config)?;
        gate::check_known(of, &config)?;
        Ok((config, self.client()?))
    }

    /// The client, for a plan: none while the configuration is not known yet.
    pub(super) fn client_if_known(&self) -> Result<Option<Arc<P::Client>>, Diagnostics> {
        match &*self.configured.read().unwrap_or_else(PoisonError::into_inner) {
            Configured::With(client) => Ok(Some(Arc::clone(client))),
            Configured::Unknown => Ok(None),
            Configured::Lacking(problems) => Err(problems.clone()),
            Configured::NotYet => Err(Diagnostic::error(
                "Provider is not configured",
                "Terraform asked for an operation before it configured the provider. Nothing was changed. Please report it, with the \
                 log that TF_LOG=DEBUG writes.",
            )
            .into()),
        }
    }
}
