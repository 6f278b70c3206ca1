//! Logs: where they go, and which levels are logged. Levels can be changed while the process runs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;
use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// The logger that all others take their level from.
pub const ROOT: &str = "root";
/// Loggers that are always listed: the parts of the product.
const PARTS: [&str; 11] = [
    "broker",
    "cli",
    "connectors",
    "controller",
    "engine",
    "ingest",
    "metadata",
    "minion",
    "proto",
    "server",
    "service",
];
/// Levels that may be set for loggers of other names, so that requests cannot fill the memory.
const MAX_LOGGERS: usize = 1_000;

static LEVELS: OnceLock<Levels> = OnceLock::new();

struct Levels {
    state: Mutex<State>,
    handle: reload::Handle<EnvFilter, Registry>,
}

#[derive(Clone, Debug)]
struct State {
    /// What was chosen at start and has not been changed since: directives with more than a name and a level.
    fixed: Vec<String>,
    root: Level,
    loggers: BTreeMap<String, Level>,
}

/// A level as Pinot's users write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Off,
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
    All,
}

impl Level {
    fn directive(self) -> &'static str {
        match self {
            Self::Off => "off",
            // There is nothing above an error here.
            Self::Fatal | Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace | Self::All => "trace",
        }
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "OFF" => Self::Off,
            "FATAL" => Self::Fatal,
            "ERROR" => Self::Error,
            "WARN" => Self::Warn,
            "INFO" => Self::Info,
            "DEBUG" => Self::Debug,
            "TRACE" => Self::Trace,
            "ALL" => Self::All,
            _ => return Err(LevelError::Unknown(text.chars().take(100).collect())),
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
            Self::All => "ALL",
        })
    }
}

/// Why a level could not be set.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    #[error("Unrecognized logger level - {0}; expected OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE or ALL")]
    Unknown(String),
    #[error("Logger - {0} not found")]
    NoLogger(String),
    #[error("The levels of this process cannot be changed: {0}")]
    Fixed(String),
}

/// Sends log lines to standard error. `RUST_LOG` chooses what is logged; without it `default` does
/// (for example `info` or `warn,controller=debug`). A second call has no effect.
pub fn init(default: &str) {
    let text = std::env::var("RUST_LOG").ok().filter(|text| EnvFilter::try_new(text).is_ok());
    let state = State::parse(text.as_deref().unwrap_or(default));
    let (filter, handle) = reload::Layer::new(state.filter());
    // Colours are for people: files, journals and container logs get plain text.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(true).compact();
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = LEVELS.set(Levels { state: Mutex::new(state), handle });
    }
}

/// Names of the loggers: the root, the parts of the product, and others that a level was set for.
pub fn loggers() -> Vec<String> {
    let mut names = vec![ROOT.to_owned()];
    let set = LEVELS.get().map(|levels| levels.state.lock().loggers.keys().cloned().collect::<Vec<_>>());
    let mut others: Vec<String> =
        PARTS.iter().map(|part| (*part).to_owned()).chain(set.into_iter().flatten()).collect();
    others.sort_unstable();
    others.dedup();
    names.extend(others);
    names
}

/// The level of a logger, or None when there is no such logger. It may come from its parents.
pub fn level(name: &str) -> Option<Level> {
    if !loggers().iter().any(|known| known == name) {
        return None;
    }
    let state = LEVELS.get().map(|levels| levels.state.lock().clone());
    Some(state.map_or(Level::Error, |state| state.level(name)))
}

/// Sets the level of a logger from now on: of a listed one, or of a module of one (`controller::http`).
pub fn set_level(name: &str, level: Level) -> Result<(), LevelError> {
    let no_logger = || LevelError::NoLogger(name.chars().take(100).collect());
    let known = loggers();
    let part = name.split("::").next().unwrap_or_default();
    let valid = name.len() <= 200 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if !valid || !(known.iter().any(|known| known == name) || PARTS.contains(&part)) {
        return Err(no_logger());
    }
    let levels = LEVELS.get().ok_or_else(|| LevelError::Fixed("its log is not kept by this program".to_owned()))?;
    let mut state = levels.state.lock();
    if name == ROOT {
        state.root = level;
    } else {
        if state.loggers.len() >= MAX_LOGGERS && !state.loggers.contains_key(name) {
            return Err(LevelError::Fixed(format!("levels of {MAX_LOGGERS} loggers are set already")));
        }
        state.loggers.insert(name.to_owned(), level);
    }
    levels.handle.reload(state.filter()).map_err(|error| LevelError::Fixed(error.to_string()))
}

impl State {
    /// Reads directives such as `warn,controller=debug`.
    fn parse(text: &str) -> Self {
        let mut state = Self { fixed: Vec::new(), root: Level::Error, loggers: BTreeMap::new() };
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            match (directive.parse::<Level>(), directive.split_once('=')) {
                (Ok(level), _) => state.root = level,
                (_, Some((name, level))) if level.parse::<Level>().is_ok() && !name.contains(['[', '{']) => {
                    if let Ok(level) = level.parse() {
                        state.loggers.insert(name.to_owned(), level);
                    }
                }
                _ => state.fixed.push(directive.to_owned()),
            }
        }
        state
    }

    fn filter(&self) -> EnvFilter {
        let mut text = self.root.directive().to_owned();
        for (name, level) in &self.loggers {
            text.push_str(&format!(",{name}={}", level.directive()));
        }
        for directive in &self.fixed {
            text.push_str(&format!(",{directive}"));
        }
        EnvFilter::try_new(&text).unwrap_or_else(|_| EnvFilter::default().add_directive(LevelFilter::INFO.into()))
    }

    /// Own level, else that of the nearest parent.
    fn level(&self, name: &str) -> Level {
        let mut name = name;
        loop {
            if let Some(level) = self.loggers.get(name) {
                return *level;
            }
            match name.rsplit_once("::") {
                Some((parent, _)) => name = parent,
                None => return self.root,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_inherited_and_written_as_directives() {
        let mut state = State::parse("warn,controller=debug,server[span]=trace");
        assert_eq!(
            (state.root, state.level("controller::http"), state.level("broker")),
            (Level::Warn, Level::Debug, Level::Warn)
        );
        state.root = Level::Off;
        let filter = state.filter().to_string();
        assert!(
            filter.contains("controller=debug") && filter.contains("off") && filter.contains("server[span]"),
            "{filter}"
        );
    }

    #[test]
    fn levels_change_while_the_process_runs() {
        init("warn");
        assert!(loggers().starts_with(&["root".to_owned(), "broker".to_owned()]));
        assert_eq!(level("nothing"), None);
        if LEVELS.get().is_none() {
            // Another test of this process has its own subscriber.
            assert!(set_level("ingest", Level::Debug).is_err());
            return;
        }
        set_level("ingest::batch", Level::Debug).unwrap();
        assert_eq!(level("ingest::batch"), Some(Level::Debug));
        assert!(tracing::enabled!(target: "ingest::batch", tracing::Level::DEBUG));
        assert!(!tracing::enabled!(target: "ingest::other", tracing::Level::DEBUG));
        set_level("ingest::batch", Level::Error).unwrap();
        assert!(!tracing::enabled!(target: "ingest::batch", tracing::Level::WARN));
        for bad in ["nothing", "broker=trace,x", "../x", ""] {
            assert!(matches!(set_level(bad, Level::Info), Err(LevelError::NoLogger(_))), "{bad}");
        }
        assert!("LOUD".parse::<Level>().is_err());
    }
}
