//! A mosquitto of one's own.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use printhost::{Trust, net::Origin};
use printhost_testkit::runner::debian_program;
use tokio::{net::TcpStream, time::sleep};

pub(crate) const REPORT: &str = "device/01P00A000000001/report";
pub(crate) const REQUEST: &str = "device/01P00A000000001/request";
pub(crate) const PASSWORD: &str = "12345678";
/// For whom the certificate is.
pub(crate) const DEVICE: &str = "01P00A000000001";

/// The certificates that were made for the rules of devices.
fn devices() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../printhost-net-tokio/tests/devices")
}

/// Ends with this.
pub(crate) struct Mosquitto {
    process: Child,
    folder: PathBuf,
    /// With TLS, and without for mosquitto's own clients.
    ports: [u16; 2],
}

impl Mosquitto {
    /// One that listens.
    pub(crate) async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("printhost-mqtt-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let passwords = folder.join("passwords");
        let mut passwd = debian_program("usr/bin/mosquitto_passwd");
        let made = passwd.args(["-b", "-c"]).arg(&passwords).args(["bblp", PASSWORD]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        // Both are bound until both are known, so that they differ.
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = free.map(|listener| listener.local_addr().unwrap().port());
        let (devices, log) = (devices(), folder.join("log"));
        let config = format!(
            "user root\npersistence false\nallow_anonymous false\npassword_file {}\nlog_type all\nlog_dest file {}\n\
             listener {} 127.0.0.1\n\
             listener {} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
            passwords.display(),
            log.display(),
            ports[1],
            ports[0],
            devices.join("leaf.pem").display(),
            devices.join("leaf.key").display(),
        );
        let file = folder.join("mosquitto.conf");
        fs::write(&file, config).unwrap();
        // Its own option is the lowest version only.
        let openssl = folder.join("openssl.cnf");
        let versions = "openssl_conf=all\n[all]\nssl_conf=ssl\n[ssl]\nsystem_default=most\n[most]\nMaxProtocol=TLSv1.2\n";
        fs::write(&openssl, versions).unwrap();
        let mut mosquitto = debian_program("usr/sbin/mosquitto");
        mosquitto.env("OPENSSL_CONF", openssl);
        let process = mosquitto.arg("-c").arg(file).stderr(Stdio::null()).spawn().unwrap();
        let mut broker = Self { process, folder, ports };
        for port in ports {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(broker.process.try_wait().unwrap().is_none(), "it ended: {}", broker.log());
                sleep(Duration::from_millis(10)).await;
            }
        }
        broker
    }

    pub(crate) fn origin(&self, trust: Trust) -> Origin {
        Origin::tls("127.0.0.1", self.ports[0], trust)
    }

    /// Believes its key.
    pub(crate) fn pin() -> Trust {
        let pin = fs::read_to_string(devices().join("leaf.pin")).unwrap();
        let byte = |at: usize| u8::from_str_radix(&pin[2 * at..][..2], 16).unwrap();
        Trust::PinnedKey(std::array::from_fn(byte))
    }

    /// Believes what the device's authority has signed for this name.
    pub(crate) fn authority(name: &str) -> Trust {
        let authorities = fs::read(devices().join("authority.pem")).unwrap();
        Trust::Device { authorities, name: name.into() }
    }

    /// Whether OpenSSL gets a connection with this option.
    pub(crate) fn speaks(&self, option: &str) -> bool {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", option, "-connect", &format!("127.0.0.1:{}", self.ports[0])]);
        openssl.stdin(Stdio::null()).output().unwrap().status.success()
    }

    /// One of mosquitto's own clients.
    fn client(&self, program: &str, topic: &str) -> Command {
        let mut client = debian_program(program);
        client.args(["-h", "127.0.0.1", "-p", &self.ports[1].to_string(), "-t", topic]);
        client.args(["-u", "bblp", "-P", PASSWORD]);
        client
    }

    /// Has a message published, and returns when the broker has it.
    pub(crate) fn publish(&self, payload: &[u8], options: &[&str]) {
        let mut publish = self.client("usr/bin/mosquitto_pub", REPORT);
        let mut publish = publish.args(options).arg("-s").stdin(Stdio::piped()).spawn().unwrap();
        publish.stdin.take().unwrap().write_all(payload).unwrap();
        assert!(publish.wait().unwrap().success());
    }

    /// Somebody who publishes all the time.
    pub(crate) fn talker(&self) -> Child {
        let mut talker = self.client("usr/bin/mosquitto_pub", REPORT);
        talker.args(["-m", "{}", "--repeat", "1000000", "--repeat-delay", "0.1"]).spawn().unwrap()
    }

    /// Somebody who prints QoS and text of so many messages. Returns once he listens.
    pub(crate) fn subscriber(&self, topic: &str, many: u32) -> Child {
        let mut listener = self.client("usr/bin/mosquitto_sub", topic);
        listener.args(["-q", "1", "-F", "%q %p", "-C", &many.to_string(), "-W", "30"]);
        let mut listener = listener.stdout(Stdio::piped()).spawn().unwrap();
        while !self.log().contains("Sending SUBACK") {
            assert!(listener.try_wait().unwrap().is_none(), "mosquitto_sub has ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        listener
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Its connections stay, and nothing comes from it any more.
    pub(crate) fn stop(&self) {
        let stopped = Command::new("kill").args(["-STOP", &self.process.id().to_string()]).status();
        assert!(stopped.unwrap().success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
