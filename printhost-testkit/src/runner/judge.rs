use std::{env, format, fs, path::Path, println, string::String, time::Duration};

use printhost_net::Limits;

use super::Column;
use crate::Bench;

/// The body of a test: judges every case and tells each as it ends.
///
/// `PRINTHOST_CASES=upload` in the environment limits it to the cases whose names contain that word. With
/// `PRINTHOST_LEDGER=FOLDER` the verdicts are kept there as `{column}.txt`.
///
/// # Panics
///
/// A case failed, or no case was judged, or the ledger cannot be written.
pub async fn judge<B: Bench>(bench: &B, column: &str) {
    let filter = env::var("PRINTHOST_CASES").unwrap_or_default();
    let judged = Column::run(bench, &filter).await;
    if let Some(folder) = env::var_os("PRINTHOST_LEDGER") {
        let file = Path::new(&folder).join(format!("{column}.txt"));
        let written = fs::create_dir_all(&folder).and_then(|()| judged.write(&file));
        assert!(written.is_ok(), "{}: {written:?}", file.display());
    }
    let (passed, skipped) = judged.counts();
    let failures = judged.failures();
    let failed = if failures.is_empty() { String::new() } else { format!(", {} failed", failures.len()) };
    println!("{column}: {passed} passed, {skipped} not judged{failed}");
    assert!(failures.is_empty(), "{column}:\n{}", failures.join("\n"));
    assert!(passed > 0, "{column}: no case was judged");
}

/// The limits of a computer, but with silence found out after two or three seconds: some cases wait for it.
pub const fn short_limits() -> Limits {
    let mut limits = Limits::HOST;
    limits.stall = Duration::from_secs(2);
    limits.answer = Duration::from_secs(3);
    limits.dial = Duration::from_secs(3);
    limits
}
