//! Simulated networked 3D printers for tests and demonstrations.
//!
//! A simulator here is a server on the loopback interface that answers as a real one does: the same
//! status codes in the same states, the same JSON, the same order of push messages. It shares no
//! protocol code with the printhost drivers (HTTP is hyper's, WebSocket is tungstenite's, multipart
//! is multer's), so a mistake in a driver's codec cannot be cancelled out by the same mistake here.
//!
//! The only personality so far is [`OctoPrintSim`].
//!
//! ```
//! use printhost_sim::{OctoPrintSim, SimConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let sim = OctoPrintSim::start(SimConfig::default().time_scale(60.0)).await?;
//! println!("{} accepts the key {}", sim.url(), sim.api_key());
//! assert_eq!(sim.state_text(), "Operational");
//! # Ok(())
//! # }
//! ```

mod octoprint;

pub use octoprint::{OctoPrintSim, Request, SimConfig, StoredFile};
