use rustls::pki_types::SignatureVerificationAlgorithm;

use super::{certificate::Certificate, distrust::Distrust};

/// How many certificates a host may send beside its own, and how many stand one above the other.
pub(super) const MOST: usize = 8;
/// How many signatures are checked: certificates that all bear the same name must not keep us busy.
const CHECKS: usize = 32;

/// Looks for a way from a host's certificate to an authority, over what is valid at this time, in seconds since 1970, and
/// not made for something else: an authority may be given or sent twice, as it was and as it is now.
pub(super) fn climb(
    leaf: &Certificate,
    sent: &[Certificate],
    authorities: &[Certificate],
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    now: u64,
) -> Result<(), Distrust> {
    if authorities.iter().any(|given| leaf.is_itself(given)) {
        return Ok(());
    }
    let nearest = Distrust::UnknownAuthority;
    let mut search = Search { now, sent, authorities, algorithms, checks: CHECKS, nearest };
    match search.climb(&mut vec![leaf]) {
        true => Ok(()),
        false => Err(search.nearest),
    }
}

struct Search<'c> {
    now: u64,
    sent: &'c [Certificate],
    authorities: &'c [Certificate],
    algorithms: &'c [&'static dyn SignatureVerificationAlgorithm],
    checks: usize,
    /// Why the last one that bears the right name was not taken.
    nearest: Distrust,
}

impl<'c> Search<'c> {
    fn climb(&mut self, path: &mut Vec<&'c Certificate>) -> bool {
        for authority in self.authorities {
            if self.has_issued(authority, true, path) {
                return true;
            }
        }
        if path.len() > MOST {
            return false;
        }
        for issuer in self.sent {
            let is_used = path.iter().any(|used| std::ptr::eq(*used, issuer));
            if !is_used && self.has_issued(issuer, false, path) {
                path.push(issuer);
                if self.climb(path) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }

    fn has_issued(&mut self, issuer: &Certificate, is_given: bool, path: &[&Certificate]) -> bool {
        let Some(last) = path.last().filter(|last| last.is_by(issuer)) else { return false };
        if !issuer.may_issue(is_given, path.len() - 1) {
            self.nearest = Distrust::NoAuthority(issuer.name().unwrap_or_default());
            return false;
        }
        if self.checks == 0 {
            return false;
        }
        self.checks -= 1;
        let signed = last.check_signature(issuer, self.algorithms);
        match signed.and_then(|()| issuer.is_valid(self.now)) {
            // Whoever gives an authority knows what for.
            Ok(()) if !is_given && !issuer.is_for_servers() => {
                self.nearest = Distrust::Purpose;
                false
            }
            Ok(()) => true,
            Err(distrust) => {
                self.nearest = distrust;
                false
            }
        }
    }
}
