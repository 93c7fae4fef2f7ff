//! What the command does with every simulated printer, whatever it imitates.

use std::time::Duration;

use printhost_sim::{Fault, FaultId, Injected, MoonrakerSim, OctoPrintSim, On};
use serde_json::{Value, json};

use crate::control::{Answer, bad, not_found};

/// A simulated printer.
pub(crate) trait Simulated: Send + Sync {
    /// What is to be known of it.
    fn describe(&self) -> Value;

    /// One line for people.
    fn line(&self) -> String;

    fn inject(&self, fault: Fault, on: On) -> FaultId;

    fn faults(&self) -> Vec<Injected>;

    fn clear_fault(&self, id: FaultId) -> bool;

    fn clear_faults(&self);

    /// Restarts the server, which is away for a while.
    fn restart(&self, down: Duration);

    /// Does something else that can happen to it.
    fn act(&self, action: &str, body: &Value) -> Answer;
}

impl Simulated for OctoPrintSim {
    fn describe(&self) -> Value {
        json!({
            "url": self.url(),
            "http": format!("http://{}", self.addr()),
            "key": self.api_key(),
            "name": self.config().name,
            "state": self.state_text(),
        })
    }

    fn line(&self) -> String {
        format!("{}  http://{}  key {}", self.url(), self.addr(), self.api_key())
    }

    fn inject(&self, fault: Fault, on: On) -> FaultId {
        self.inject(fault, on)
    }

    fn faults(&self) -> Vec<Injected> {
        self.faults()
    }

    fn clear_fault(&self, id: FaultId) -> bool {
        self.clear_fault(id)
    }

    fn clear_faults(&self) {
        self.clear_faults();
    }

    fn restart(&self, down: Duration) {
        self.restart(down);
    }

    fn act(&self, action: &str, body: &Value) -> Answer {
        let app = || body["app"].as_str().ok_or_else(|| bad("`app` is missing"));
        match action {
            "unplug" => self.unplug_printer(),
            "fail-firmware" => self.fail_firmware(),
            "drop-push-channels" => self.drop_push_channels(),
            "approve-app" if !self.approve_app(app()?) => return Err(not_found()),
            "deny-app" if !self.deny_app(app()?) => return Err(not_found()),
            "approve-app" | "deny-app" => {}
            _ => return Err(not_found()),
        }
        Ok(json!({}))
    }
}

impl Simulated for MoonrakerSim {
    fn describe(&self) -> Value {
        json!({
            "url": self.url(),
            "http": format!("http://{}", self.addr()),
            "key": self.api_key(),
            "name": self.config().hostname,
            "state": self.klippy_state(),
            "print": self.print_state(),
        })
    }

    fn line(&self) -> String {
        format!("{}  http://{}  key {}", self.url(), self.addr(), self.api_key())
    }

    fn inject(&self, fault: Fault, on: On) -> FaultId {
        self.inject(fault, on)
    }

    fn faults(&self) -> Vec<Injected> {
        self.faults()
    }

    fn clear_fault(&self, id: FaultId) -> bool {
        self.clear_fault(id)
    }

    fn clear_faults(&self) {
        self.clear_faults();
    }

    fn restart(&self, down: Duration) {
        self.restart(down);
    }

    fn act(&self, action: &str, _: &Value) -> Answer {
        match action {
            "kill-klippy" => self.kill_klippy(),
            "start-klippy" => self.start_klippy(),
            "restart-klippy" => self.restart_klippy(),
            "fail-mcu" => self.fail_mcu(),
            "break-config" => self.break_config(true),
            "mend-config" => self.break_config(false),
            "drop-websockets" => self.drop_websockets(),
            _ => return Err(not_found()),
        }
        Ok(json!({}))
    }
}
