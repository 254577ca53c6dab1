//! Talks to the emulator over plain sockets, as any client would.
#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod control;
mod doors;
mod faults;
mod restores;
mod rules;
mod shapes;
#[path = "../../../tests/suite/support/started.rs"]
mod started;
mod support;
mod unkind;
