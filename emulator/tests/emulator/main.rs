//! Talks to the emulator over plain sockets, as any client would.
#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod control;
mod doors;
mod faults;
mod restores;
mod rules;
mod shapes;
mod support;
mod unkind;
