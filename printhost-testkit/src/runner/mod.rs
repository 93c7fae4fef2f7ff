//! What runs beside the cases on a computer.

#[cfg(feature = "bambu")]
mod bambu;
#[cfg(feature = "bambu")]
mod bambu_bench;
mod column;
mod curl;
mod debian;
mod fault_proxy;
mod greedy;
mod judge;
mod kept;
mod moonraker;
mod moonraker_bench;
mod octoprint;
mod octoprint_bench;
mod oracle_service;
mod prusalink;
mod prusalink_bench;

#[cfg(feature = "bambu")]
pub use bambu::BambuOracle;
#[cfg(feature = "bambu")]
pub use bambu_bench::BambuBench;
pub use column::Column;
pub use debian::debian_program;
pub use fault_proxy::FaultProxy;
pub use greedy::{Appetite, Greed, GreedyHost, Speaks};
pub use judge::{judge, short_limits};
pub use kept::KeptProcess;
pub use moonraker::MoonrakerOracle;
pub use moonraker_bench::MoonrakerBench;
pub use octoprint::OctoPrintOracle;
pub use octoprint_bench::OctoPrintBench;
pub use oracle_service::{AskAnywhere, OracleService};
pub use prusalink::PrusaLinkOracle;
pub use prusalink_bench::PrusaLinkBench;
