//! What goes to stderr: log lines in the form that plugin hosts read, and a panic in the form that they recognize.
//!
//! A host reads stderr line by line. A line that is a JSON object with `@level`, `@message` and `@timestamp` becomes a
//! log entry at its level; anything else is a debug text at best. Nothing here can fail: a host that is gone is no
//! reason to panic.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Hosts read into 64 KiB; a longer line loses its level. Room is left for the line's frame.
const LINE_BYTES: usize = 60 * 1024;

/// One text in a line. Long enough for anything that a person would read.
const TEXT_BYTES: usize = 8 * 1024;

/// Sends log lines and panics of this process to stderr from now on.
pub(super) fn install(provider: &str, variable: impl Fn(&str) -> Option<String>) {
    std::panic::set_hook(Box::new(|panic| say(&obituary(panic))));
    let level = level(provider, variable);
    if level != LevelFilter::OFF {
        // It fails only if somebody else installed one, who then decides where lines go.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(HostLines { level }));
    }
}

/// Writes a text for a person, whole lines at once. There is nobody to tell if that fails.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", text.trim_end()).as_bytes());
}

/// The level that is asked for: the provider's own variable counts before the one for all providers, and that before
/// the one for everything. As in Terraform, a word that is no level asks for all there is.
fn level(provider: &str, variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let own = format!("TF_LOG_PROVIDER_{}", provider.to_uppercase().replace('-', "_"));
    let asked = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    match asked.map(|word| word.to_uppercase()).as_deref() {
        None | Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE,
    }
}

/// What is said of a panic. A host that reads `panic: ` at the start of a line shows it, and what follows, to the user
/// if the process dies of it.
fn obituary(panic: &PanicHookInfo<'_>) -> String {
    let message = cut(panic.payload_as_str().unwrap_or("no message"), TEXT_BYTES);
    let thread = std::thread::current();
    let mut text = format!("panic: {message}\n\nthread: {}", thread.name().unwrap_or("unnamed"));
    if let Some(location) = panic.location() {
        let _ = write!(text, "\nat: {location}");
    }
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        let _ = write!(text, "\n{trace}");
    }
    text
}

/// At most `bytes` of a text, at a character's edge, saying how much was cut.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes);
    format!("{}... ({} bytes cut)", &text[..end], text.len() - end)
}

/// Writes events as the host's log lines.
struct HostLines {
    level: LevelFilter,
}

impl HostLines {
    /// Our own lines at the level that is asked for. Of others, who may log what they send and receive, warnings.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let own = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
        *metadata.level() <= self.level && (own || *metadata.level() <= Level::WARN)
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for HostLines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = line(Timestamp::now(), *metadata.level(), metadata.target(), fields.0);
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// One line with its end.
fn line(now: Timestamp, level: Level, module: &str, mut fields: Map<String, Value>) -> String {
    // Text, whatever it was made of: hosts crash on a message or level that is not a string.
    let message = match fields.remove(MESSAGE) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let frame = Map::from_iter([
        ("@level".to_owned(), Value::from(level.as_str().to_lowercase())),
        ("@message".to_owned(), Value::from(message)),
        // Six digits and a Z: any other form makes the host take the whole line for plain text.
        ("@timestamp".to_owned(), Value::from(now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())),
        ("@module".to_owned(), Value::from(module)),
    ]);
    // The frame last: no field may take its place.
    fields.extend(frame.clone());
    let whole = format!("{}\n", Value::Object(fields));
    if whole.len() <= LINE_BYTES { whole } else { format!("{}\n", Value::Object(frame)) }
}

/// How `tracing` calls the text of an event.
const MESSAGE: &str = "message";

/// The fields of an event or span, as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, cut(&format!("{value:?}"), TEXT_BYTES));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, cut(value, TEXT_BYTES));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_variable_sets_the_level() {
        let cases: &[(&[(&str, &str)], LevelFilter)] = &[
            (&[], LevelFilter::OFF),
            (&[("TF_LOG", "")], LevelFilter::OFF),
            (&[("TF_LOG", "INFO")], LevelFilter::INFO),
            (&[("TF_LOG", "json")], LevelFilter::TRACE),
            (&[("TF_LOG", "1")], LevelFilter::TRACE),
            (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "warn")], LevelFilter::WARN),
            (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "off")], LevelFilter::OFF),
            (&[("TF_LOG_PROVIDER", "ERROR"), ("TF_LOG_PROVIDER_TWO_WORDS", "DEBUG")], LevelFilter::DEBUG),
            (&[("TF_LOG_PROVIDER", "ERROR"), ("TF_LOG_PROVIDER_OTHER", "DEBUG")], LevelFilter::ERROR),
            (&[("TF_LOG_CORE", "TRACE")], LevelFilter::OFF),
        ];
        for (variables, expected) in cases {
            let read = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
            assert_eq!(level("two-words", read), *expected, "{variables:?}");
        }
    }

    fn fields(pairs: &[(&str, Value)]) -> Map<String, Value> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_line_is_what_hosts_parse() {
        let now: Timestamp = "2024-02-29T23:59:59.000007899Z".parse().unwrap();
        let given = fields(&[(MESSAGE, "two\nlines".into()), ("attempt", 3.into()), ("@level", 7.into())]);
        assert_eq!(
            line(now, Level::WARN, "huaweidb::plugin", given),
            "{\"@level\":\"warn\",\"@message\":\"two\\nlines\",\"@module\":\"huaweidb::plugin\",\
             \"@timestamp\":\"2024-02-29T23:59:59.000007Z\",\"attempt\":3}\n"
        );
        let number = line(now, Level::INFO, "huaweidb", fields(&[(MESSAGE, 7.into())]));
        assert!(number.contains("\"@message\":\"7\""), "{number}");
        let bare = line(now, Level::INFO, "huaweidb", Map::new());
        assert!(bare.contains("\"@message\":\"\""), "{bare}");
    }

    #[test]
    fn no_line_outgrows_the_hosts_buffer() {
        assert_eq!(cut("äää", 6), "äää");
        assert_eq!(cut("äää", 5), "ää... (2 bytes cut)");
        let text = cut(&"\u{1}".repeat(TEXT_BYTES * 3), TEXT_BYTES); // escaped, one byte becomes six
        let crowd: Vec<_> = (0..9).map(|n| (format!("field{n}"), Value::from(text.clone()))).collect();
        let given = crowd.into_iter().chain([(MESSAGE.to_owned(), Value::from(text))]).collect();
        let line = line(Timestamp::UNIX_EPOCH, Level::ERROR, "huaweidb", given);
        assert!(line.len() < 64 * 1024, "{}", line.len());
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["@level"], "error");
    }

    #[test]
    fn dependencies_are_heard_from_warnings_up() {
        struct Seen(std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>);
        impl<S: Subscriber> Layer<S> for Seen {
            fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
                self.0.lock().unwrap().push(event.metadata().target());
            }
        }
        let seen = std::sync::Arc::default();
        let lines = HostLines { level: LevelFilter::TRACE };
        let filter = tracing_subscriber::filter::filter_fn(move |metadata| lines.wants(metadata));
        let layer = Seen(std::sync::Arc::clone(&seen)).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::trace!(target: "huaweidb::cloud", "ours");
            tracing::trace!(target: "huaweidb", "ours");
            tracing::info!(target: "h2::codec", "theirs");
            tracing::debug!(target: "huaweidb_emulator", "theirs");
            tracing::warn!(target: "rustls::server", "theirs");
        });
        assert_eq!(*seen.lock().unwrap(), ["huaweidb::cloud", "huaweidb", "rustls::server"]);
    }
}
