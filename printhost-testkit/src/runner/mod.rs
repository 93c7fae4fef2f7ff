//! What runs beside the cases on a computer.

mod column;
mod fault_proxy;
mod octoprint;
mod oracle_service;

pub use column::Column;
pub use fault_proxy::FaultProxy;
pub use octoprint::OctoPrintOracle;
pub use oracle_service::{AskAnywhere, OracleService};
