//! Simulated Bambu Lab printers. A printer of its own for every case; its oracle is the simulator itself, which shares no
//! code with the driver; faults happen in a proxy before each of its ports, those of data connections too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use printhost::{
    Attended, ErrorKind, Result, Trust,
    bambu::{Bambu, Config},
    net::{Dial, Origin, Parts},
    net_tokio::{Hyper, OsEntropy, TokioClock, TokioConn, TokioDial},
};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};
use printhost_testkit::{
    Activity, Answer, Bench, Content, Deed, Fault, Oracle, Question, Seen, Stored,
    runner::{FaultProxy, judge, short_limits},
};

/// Nobody's code.
const WRONG_CODE: &str = "87654321";
/// How long a change may take to be told.
const TOLD: Duration = Duration::from_millis(300);

/// The printer of this case, and what is between it and the driver.
struct Place {
    sim: BambuSim,
    proxies: HashMap<u16, Arc<FaultProxy>>,
    fault: Fault,
    /// How many orders it was given before.
    orders: usize,
}

/// Goes to each port through a proxy of its own.
#[derive(Clone)]
struct Routed {
    tcp: Arc<TokioDial>,
    place: Arc<Mutex<Place>>,
}

impl Routed {
    fn with<T>(&self, act: impl FnOnce(&mut Place) -> T) -> T {
        act(&mut self.place.lock().unwrap())
    }

    async fn proxy(&self, port: u16) -> Arc<FaultProxy> {
        let known = self.with(|place| place.proxies.get(&port).cloned());
        if let Some(proxy) = known {
            return proxy;
        }
        let proxy = Arc::new(FaultProxy::start(format!("127.0.0.1:{port}")).await.unwrap());
        self.with(|place| {
            proxy.set(place.fault);
            place.proxies.insert(port, proxy.clone());
        });
        proxy
    }
}

impl Dial for Routed {
    type Conn = TokioConn;

    async fn dial(&self, to: &Origin) -> Result<TokioConn> {
        let sim = self.with(|place| (place.sim.mqtt_addr().port(), place.sim.ftps_addr().port()));
        let port = match to.port {
            Config::MQTT_PORT => sim.0,
            Config::FTPS_PORT => sim.1,
            port => port,
        };
        let proxy = self.proxy(port).await;
        let mut to = to.clone();
        to.port = proxy.address().port();
        let plain = Origin::http(to.host.clone(), to.port);
        let conn = self.tcp.dial(&plain).await?;
        match to.scheme {
            printhost::net::Scheme::Https => {
                // Sessions are kept by the port that the driver knows.
                to.port = if port == sim.0 { Config::MQTT_PORT } else { Config::FTPS_PORT };
                self.tcp.secure(conn, &to).await
            }
            _ => Ok(conn),
        }
    }

    async fn secure(&self, conn: TokioConn, to: &Origin) -> Result<TokioConn> {
        self.tcp.secure(conn, to).await
    }
}

type Net = Arc<Parts<Routed, Hyper, TokioClock, OsEntropy>>;

/// See [`Bench`].
struct BambuBench {
    net: NetOf,
    oracle: SimOracle,
    clock: TokioClock,
}

/// A handle to the network.
#[derive(Clone)]
struct NetOf(Net);

impl printhost::Net for NetOf {
    type Dial = Routed;
    type Http = Hyper;
    type Clock = TokioClock;
    type Entropy = OsEntropy;

    fn parts(&self) -> &Parts<Routed, Hyper, TokioClock, OsEntropy> {
        &self.0
    }
}

struct SimOracle {
    routed: Routed,
    model: BambuModel,
}

impl BambuBench {
    async fn start(model: BambuModel) -> Self {
        let place =
            Place { sim: printer(model).await, proxies: HashMap::new(), fault: Fault::None, orders: 0 };
        let tcp = Arc::new(TokioDial::with_tls(Arc::new(rustls::crypto::ring::default_provider())));
        let routed = Routed { tcp, place: Arc::new(Mutex::new(place)) };
        let parts = Parts::new(
            routed.clone(),
            Hyper::default(),
            TokioClock::default(),
            OsEntropy::default(),
            short_limits(),
        );
        let oracle = SimOracle { routed, model };
        Self { net: NetOf(Arc::new(parts)), oracle, clock: TokioClock::default() }
    }

    fn with_code(&self, code: &str) -> Attended<Bambu<NetOf>> {
        let config = self.oracle.routed.with(|place| {
            let trust = Trust::PinnedKey(place.sim.key_pin());
            Config::new("127.0.0.1", place.sim.serial(), code, trust)
        });
        Attended::new(Bambu::new(self.net.clone(), config))
    }
}

async fn printer(model: BambuModel) -> BambuSim {
    // A little faster, for what comes before a print: cases tell one that goes on from one that has ended.
    let config = BambuConfig::new(model).time_scale(5.0).report_every(Duration::from_millis(100));
    let sim = BambuSim::start(config).await.unwrap();
    sim.gcode("G28");
    sim
}

impl Bench for BambuBench {
    type Host = Attended<Bambu<NetOf>>;
    type Oracle = SimOracle;
    type Clock = TokioClock;

    fn host(&self) -> Self::Host {
        self.with_code(BambuConfig::TEST_CODE)
    }

    fn stranger(&self) -> Option<Self::Host> {
        Some(self.with_code(WRONG_CODE))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [BambuConfig::TEST_CODE, WRONG_CODE].into_iter()
    }

    fn oracle(&self) -> &SimOracle {
        &self.oracle
    }

    fn clock(&self) -> &TokioClock {
        &self.clock
    }
}

impl Oracle for SimOracle {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        Ok(match question {
            Question::Reset => {
                let sim = printer(self.model).await;
                self.routed.with(|place| {
                    *place = Place { sim, proxies: HashMap::new(), fault: Fault::None, orders: 0 };
                });
                Answer::Done
            }
            Question::Printer => Answer::Printer(self.routed.with(|place| seen(&place.sim))),
            Question::Files => Answer::Files(self.routed.with(|place| {
                let files = place.sim.files().into_iter().map(|file| file.path);
                files.filter(|path| is_of_users(path)).collect()
            })),
            Question::Stored(path) => Answer::Stored(self.routed.with(|place| {
                let file = place.sim.files().into_iter().find(|file| file.path == *path)?;
                let hex = |at: usize| u8::from_str_radix(&file.sha1_hex[2 * at..2 * at + 2], 16).ok();
                let sha1: Option<Vec<u8>> = (0..20).map(hex).collect();
                Some(Stored { len: file.size, sha1: sha1.and_then(|sha1| sha1.try_into().ok()) })
            })),
            Question::Do(deed) => {
                let is_done = self.routed.with(|place| act(&place.sim, deed));
                tokio::time::sleep(TOLD).await;
                match is_done {
                    true => Answer::Done,
                    false => return Err(printhost::Error::new(ErrorKind::Conflict, "oracle")),
                }
            }
            Question::Break(fault) => {
                self.routed.with(|place| {
                    if *fault == Fault::LoseAnswer {
                        place.sim.lose_next_answer();
                        return;
                    }
                    place.fault = *fault;
                    place.proxies.values().for_each(|proxy| proxy.set(*fault));
                });
                Answer::Done
            }
            Question::Traffic => {
                let traffic = |place: &mut Place| place.proxies.values().map(|proxy| proxy.traffic()).sum();
                Answer::Traffic(self.routed.with(traffic))
            }
            Question::Changes => Answer::Changes(self.routed.with(|place| {
                let orders = place.sim.requests();
                (orders.iter().filter(|r| r.get("print").is_some()).count() - place.orders) as u64
            })),
            _ => return Err(printhost::Error::unsupported("oracle")),
        })
    }
}

/// What printers have on their cards from the begin, and what is not complete, is nobody's file.
fn is_of_users(path: &str) -> bool {
    !path.ends_with(".part")
}

fn act(sim: &BambuSim, deed: &Deed) -> bool {
    match deed {
        Deed::Store { path, len, seconds } => {
            let (mut content, mut bytes) = (Content::new(*len, *seconds), vec![0; *len as usize]);
            content.fill(&mut bytes);
            sim.put_file(path, &bytes);
            true
        }
        Deed::Start(path) => sim.start_print(path),
        Deed::Pause => sim.pause(),
        Deed::Resume => sim.resume(),
        Deed::Cancel => sim.stop_print(),
        _ => false,
    }
}

fn seen(sim: &BambuSim) -> Seen {
    let targets = sim.targets();
    let file = Some(sim.latest_print().0).filter(|file| !file.is_empty());
    Seen {
        activity: match sim.state_text() {
            "RUNNING" if sim.stage() == 0 => Activity::Printing,
            "PAUSE" => Activity::Paused,
            "PREPARE" | "RUNNING" | "SLICING" => Activity::Changing,
            _ => Activity::Idle,
        },
        file,
        prints: sim.prints_started() as u32,
        tool_target: targets.first().map(|celsius| *celsius as f32),
        bed_target: targets.last().map(|celsius| *celsius as f32),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bambu_driver_passes_on_a_simulated_p1s() {
    judge(&BambuBench::start(BambuModel::P1s).await, "bambu-sim-p1s").await;
}
