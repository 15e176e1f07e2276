//! The steward.
use super::Control;

pub(super) async fn run(_control: Control) {
    std::future::pending::<()>().await;
}
