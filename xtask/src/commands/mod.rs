//! One module a command, its arguments and help beside its code.

pub(crate) mod check_data;
pub(crate) mod compare;
pub(crate) mod distill;
pub(crate) mod fetch;
pub(crate) mod figures;
pub(crate) mod label;
pub(crate) mod latency;
pub(crate) mod leaderboard;
pub(crate) mod merge;
pub(crate) mod paper;
pub(crate) mod peers;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod route;
pub(crate) mod run;
pub(crate) mod venv;
