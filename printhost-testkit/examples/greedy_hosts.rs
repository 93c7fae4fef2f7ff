//! One [`GreedyHost`] of each kind, for a device.
//!
//! `cargo run -p printhost-testkit --features runner --example greedy_hosts -- 2048 3072 2048`, with what the device takes of
//! the head of an answer, of JSON and of a message, prints the kinds and their ports, one a line. Each line of its standard
//! input, whatever is in it, is answered with how many requests of the devices have changed something; it serves until its
//! standard input ends.

use std::error::Error;
use std::io::BufRead as _;

use printhost_testkit::runner::{Appetite, Greed, GreedyHost};

fn main() -> Result<(), Box<dyn Error>> {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|arg| arg.parse()).collect::<Result<_, _>>()?;
    let [head, json, message] = sizes[..] else { return Err("give three sizes".into()) };
    let start = |greed| GreedyHost::start(greed, Appetite { head, json, message });
    let hosts = Greed::ALL.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
    for (greed, host) in Greed::ALL.iter().zip(&hosts) {
        println!("{greed:?} {}", host.address().port());
    }
    for line in std::io::stdin().lock().lines() {
        line?;
        println!("{}", hosts.iter().map(GreedyHost::changes).sum::<u32>());
    }
    Ok(())
}
