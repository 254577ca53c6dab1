//! The test suite that needs more than one module: the real binary under a hand-written host and under the real CLI, and
//! files compared with the tables and rules they follow.

mod all_services;
mod attached;
mod binary;
mod claims;
mod cli;
mod descriptors;
mod docs;
mod doctor;
mod doors;
mod examples;
mod extras;
mod fault_states;
mod faults;
mod final_backup;
mod hostile;
mod kills;
mod layering;
mod life;
mod load;
mod messages;
mod newer_cli;
mod newer_examples;
mod newest;
mod nothing;
mod planned;
mod protocol;
mod release;
mod restores;
mod secrets;
mod services;
mod sign_in;
mod support;
mod together;
mod toy;
mod walks;
