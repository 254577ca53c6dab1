//! The test suite that needs more than one module: the real binary under a hand-written host, and files compared with
//! the tables they were written from.

mod descriptors;
mod protocol;
mod support;
