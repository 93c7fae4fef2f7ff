//! What the command does with every simulated printer, whatever it imitates.

use std::time::Duration;

use hyper::StatusCode;
#[cfg(feature = "bambu")]
use printhost_sim::BambuSim;
use printhost_sim::{MoonrakerSim, OctoPrintSim};
use serde_json::{Value, json};

use crate::control::{Answer, bad, not_found};
use crate::faults;

/// A simulated printer.
pub(crate) trait Simulated: Send + Sync {
    /// What is to be known of it.
    fn describe(&self) -> Value;

    /// One line for people.
    fn line(&self) -> String;

    /// Injects a fault, and gives its number.
    fn inject(&self, body: &Value) -> Result<u64, (StatusCode, String)>;

    /// The faults that still wait, each as JSON with its number as `id`.
    fn faults(&self) -> Vec<Value>;

    /// Takes a fault back by its number; false when it was not waiting any more.
    fn clear_fault(&self, id: u64) -> bool;

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

    fn inject(&self, body: &Value) -> Result<u64, (StatusCode, String)> {
        Ok(self.inject(faults::fault(body)?, faults::on(body)?).number())
    }

    fn faults(&self) -> Vec<Value> {
        self.faults().iter().map(faults::injected).collect()
    }

    fn clear_fault(&self, id: u64) -> bool {
        let named = self.faults().into_iter().find(|fault| fault.id.number() == id);
        named.is_some_and(|fault| self.clear_fault(fault.id))
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

    fn inject(&self, body: &Value) -> Result<u64, (StatusCode, String)> {
        Ok(self.inject(faults::fault(body)?, faults::on(body)?).number())
    }

    fn faults(&self) -> Vec<Value> {
        self.faults().iter().map(faults::injected).collect()
    }

    fn clear_fault(&self, id: u64) -> bool {
        let named = self.faults().into_iter().find(|fault| fault.id.number() == id);
        named.is_some_and(|fault| self.clear_fault(fault.id))
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

#[cfg(feature = "bambu")]
impl Simulated for BambuSim {
    fn describe(&self) -> Value {
        let files = self.files().into_iter();
        json!({
            "url": format!("bambu://{}", self.mqtt_addr()),
            "mqtt": self.mqtt_addr().to_string(),
            "ftps": self.ftps_addr().to_string(),
            "serial": self.serial(),
            "key": self.access_code(),
            "authority": self.authority_pem(),
            "pin": self.key_pin().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "state": self.state_text(),
            "prints_started": self.prints_started(),
            "prints_accepted": self.prints_accepted(),
            "connections_made": self.connections().2,
            "bytes_received": self.bytes_received(),
            "files": files.map(|file| json!({ "path": file.path, "size": file.size, "sha1": file.sha1_hex })).collect::<Vec<_>>(),
        })
    }

    fn line(&self) -> String {
        let (mqtt, ftps) = (self.mqtt_addr(), self.ftps_addr());
        format!("mqtts://{mqtt}  ftps://{ftps}  serial {}  code {}", self.serial(), self.access_code())
    }

    fn inject(&self, body: &Value) -> Result<u64, (StatusCode, String)> {
        Ok(self.inject(faults::of_transfer(body)?))
    }

    fn faults(&self) -> Vec<Value> {
        let faults = self.faults().into_iter();
        faults.map(|(id, fault)| json!({ "id": id, "fault": format!("{fault:?}"), "hits": 0 })).collect()
    }

    fn clear_fault(&self, id: u64) -> bool {
        self.clear_fault(id)
    }

    fn clear_faults(&self) {
        self.clear_faults();
    }

    fn restart(&self, down: Duration) {
        self.restart(down);
    }

    fn act(&self, action: &str, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().ok_or_else(|| bad(&format!("`{name}` is missing")));
        let number =
            |name: &str| body[name].as_u64().ok_or_else(|| bad(&format!("`{name}` must be a number")));
        let code = |name: &str| u32::try_from(number(name)?).map_err(|_| bad("no such code"));
        let is_on = body["on"].as_bool().unwrap_or(true);
        let did = match action {
            "gcode" => {
                self.gcode(text("lines")?);
                true
            }
            "start" => self.start_print(text("path")?),
            "pause" => self.pause(),
            "resume" => self.resume(),
            "stop" => self.stop_print(),
            "fail" => self.fail(code("error")?),
            "finish-soon" => {
                self.finish_soon();
                true
            }
            "error" => {
                self.set_error(code("error")?);
                true
            }
            "zombie" => {
                self.set_zombie(is_on);
                true
            }
            "silent" => {
                self.set_silent(is_on);
                true
            }
            "card" => {
                self.set_card(is_on);
                true
            }
            "change-key" => {
                self.change_key(is_on);
                true
            }
            "report-size" => {
                self.set_report_size(number("bytes")? as usize);
                true
            }
            "tell-everything" => {
                self.tell_everything();
                true
            }
            "lose-next-answer" => {
                self.lose_next_answer();
                true
            }
            "drop-connections" => {
                self.drop_connections();
                true
            }
            "power-cycle" => {
                let seconds = body["seconds"].as_f64().unwrap_or(0.0);
                self.power_cycle(
                    Duration::try_from_secs_f64(seconds).map_err(|error| bad(&error.to_string()))?,
                );
                true
            }
            _ => return Err(not_found()),
        };
        Ok(json!({ "did": did }))
    }
}
