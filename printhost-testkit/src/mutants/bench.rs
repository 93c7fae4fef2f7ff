use core::time::Duration;

use crate::{
    Bench,
    mutants::{Defect, Mutant},
};

/// A bench whose driver has a defect.
#[derive(Debug)]
pub struct MutantBench<'a, B> {
    bench: &'a B,
    defect: Defect,
}

impl<'a, B: Bench> MutantBench<'a, B> {
    /// The same printer and oracle, the same driver with a defect.
    pub const fn new(bench: &'a B, defect: Defect) -> Self {
        Self { bench, defect }
    }

    fn mutated(&self, host: B::Host) -> Mutant<B::Host> {
        let secret = self.bench.secrets().next().unwrap_or_default();
        Mutant::new(host, self.defect, secret)
    }
}

impl<B: Bench> Bench for MutantBench<'_, B> {
    type Host = Mutant<B::Host>;
    type Oracle = B::Oracle;
    type Clock = B::Clock;

    fn host(&self) -> Self::Host {
        self.mutated(self.bench.host())
    }

    fn stranger(&self) -> Option<Self::Host> {
        self.bench.stranger().map(|host| self.mutated(host))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.bench.secrets()
    }

    fn oracle(&self) -> &Self::Oracle {
        self.bench.oracle()
    }

    fn clock(&self) -> &Self::Clock {
        self.bench.clock()
    }

    fn patience(&self) -> Duration {
        self.bench.patience()
    }
}
