//! Answers that cost a walk over the inventory, kept for the present commit.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use cabd_core::CommitNumber;

/// The longest answer that is kept, in bytes.
const LONGEST: usize = 256 * 1024;

type Slot = Arc<tokio::sync::Mutex<Option<String>>>;

/// Texts by question, `MOST` of them. Equal questions at the same time are answered by one computation.
#[derive(Default)]
pub(crate) struct Kept<const MOST: usize>(Mutex<(CommitNumber, HashMap<String, Slot>)>);

impl<const MOST: usize> Kept<MOST> {
    /// The text of a question at a commit; computed anew where changes leave no commit (`None`).
    pub(crate) async fn of<E>(
        &self,
        question: &str,
        head: Option<CommitNumber>,
        compute: impl Future<Output = Result<String, E>>,
    ) -> Result<String, E> {
        let Some(head) = head else {
            return compute.await;
        };
        let slot = self.slot(question, head);
        let mut kept = slot.lock().await;
        if let Some(text) = kept.as_ref() {
            return Ok(text.clone());
        }
        let text = compute.await?;
        if text.len() <= LONGEST {
            *kept = Some(text.clone());
        }
        Ok(text)
    }

    fn slot(&self, question: &str, head: CommitNumber) -> Slot {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0 != head || all.1.len() >= MOST {
            *all = (head, HashMap::new());
        }
        all.1.entry(question.to_owned()).or_default().clone()
    }
}
