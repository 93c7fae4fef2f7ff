use std::time::Duration;

/// So many seconds, in virtual time. Between any two of them, whatever is on its way comes and is answered.
pub(super) async fn pass(seconds: u64) {
    tokio::time::pause();
    for _ in 0..seconds {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    tokio::time::resume();
}
