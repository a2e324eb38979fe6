//! Two answers as one: the present one without some features, and those as they were, in the order of the plan.

use std::cmp::Ordering;
use std::collections::HashSet;

use arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::feature::{FeatureBatch, Places};
use crate::page::Cursor;
use crate::query::Plan;
use crate::store::{BoxStream, FeatureStream};

struct Merge {
    present: BoxStream<FeatureBatch>,
    /// The present batch and the row in it that comes next.
    batch: Option<(FeatureBatch, usize)>,
    ended: bool,
    /// What was, and the row that comes next.
    was: Vec<FeatureBatch>,
    next: (usize, usize),
    /// Features that the present answer does not speak for.
    changed: HashSet<Uuid>,
    /// Which sort keys go downwards; `None` where there is no order.
    order: Option<Vec<bool>>,
    skip: u64,
    left: u64,
    rows: usize,
}

/// The present answer without `changed`, merged with what was.
pub(super) fn merged(
    present: FeatureStream,
    was: Vec<FeatureBatch>,
    changed: HashSet<Uuid>,
    plan: &Plan,
) -> FeatureStream {
    let keys = plan.layout.keys.len();
    let order =
        (!plan.order.is_empty()).then(|| plan.order[..keys].iter().map(|k| k.descending).collect());
    let merge = Merge {
        present: present.batches,
        batch: None,
        ended: false,
        was: was.into_iter().filter(|b| b.rows() > 0).collect(),
        next: (0, 0),
        changed,
        order,
        skip: plan.offset,
        left: plan.limit.unwrap_or(u64::MAX),
        rows: plan.batch_rows.max(1),
    };
    let batches = stream::try_unfold(merge, |mut m| async move {
        let made = m.batch().await?;
        Ok::<_, Error>(made.map(|b| (b, m)))
    });
    FeatureStream {
        schema: present.schema,
        batches: batches.boxed(),
    }
}

impl Merge {
    /// The next batch of the answer: rows of one present batch and of what was.
    async fn batch(&mut self) -> Result<Option<FeatureBatch>> {
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            if self.batch.is_none() && !self.ended {
                match self.present.try_next().await? {
                    Some(b) => self.batch = Some((b, 0)),
                    None => self.ended = true,
                }
            }
            let picked = self.pick();
            let done = self.ended && self.was.get(self.next.0).is_none();
            let made = self.made(&picked)?;
            if self.batch.as_ref().is_some_and(|(b, row)| *row >= b.rows()) {
                self.batch = None;
            }
            if made.is_some() {
                return Ok(made);
            }
            if done {
                return Ok(None);
            }
        }
    }

    /// Rows of the next batch: 0 is the present one, the others are those of what was.
    fn pick(&mut self) -> Vec<(usize, usize)> {
        let mut picked = vec![];
        while picked.len() < self.rows && self.left > 0 {
            let was = self.was.get(self.next.0);
            // Rows that were fetched for what they name are others' to tell.
            let id = was.and_then(|w| w.places.id(self.next.1));
            if id.is_some_and(|id| !self.changed.contains(&id)) {
                self.step_was();
                continue;
            }
            let source = match (&self.batch, was) {
                (Some((b, row)), _) if *row >= b.rows() => break,
                (Some((b, row)), _)
                    if b.places.id(*row).is_some_and(|i| self.changed.contains(&i)) =>
                {
                    self.step_present();
                    continue;
                }
                (Some((b, row)), Some(w)) => match &self.order {
                    None => 0,
                    Some(order) => {
                        let (a, b) = (b.places.at(*row), w.places.at(self.next.1));
                        usize::from(compare(order, a.as_ref(), b.as_ref()) == Ordering::Greater)
                    }
                },
                (Some(_), None) => 0,
                // What was comes between or after the present rows.
                (None, Some(_)) if self.ended => 1,
                (None, _) => break,
            };
            let place = match (source, &self.batch) {
                (0, Some((_, row))) => (0, *row),
                _ => (1 + self.next.0, self.next.1),
            };
            if source == 0 {
                self.step_present();
            } else {
                self.step_was();
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            picked.push(place);
        }
        picked
    }

    fn step_was(&mut self) {
        self.next.1 += 1;
        if self
            .was
            .get(self.next.0)
            .is_some_and(|w| self.next.1 >= w.rows())
        {
            self.next = (self.next.0 + 1, 0);
        }
    }

    fn step_present(&mut self) {
        if let Some((_, row)) = &mut self.batch {
            *row += 1;
        }
    }

    fn made(&self, picked: &[(usize, usize)]) -> Result<Option<FeatureBatch>> {
        let Some(last) = picked.last() else {
            return Ok(None);
        };
        let mut sources: Vec<&FeatureBatch> = self.batch.iter().map(|(b, _)| b).collect();
        // Where nothing is left of the present answer, what was comes first.
        let shift = 1 - sources.len();
        sources.extend(&self.was);
        let next = sources[last.0 - shift].places.at(last.1);
        let batches: Vec<&RecordBatch> = sources.iter().map(|b| &b.batch).collect();
        let present = batches[0];
        let batch = if present.num_columns() == 0 {
            let rows = RecordBatchOptions::new().with_row_count(Some(picked.len()));
            RecordBatch::try_new_with_options(present.schema(), vec![], &rows)?
        } else if picked.iter().all(|(source, _)| *source == shift) {
            let rows: UInt64Array = picked.iter().map(|(_, row)| *row as u64).collect();
            take_record_batch(present, &rows)?
        } else {
            let picked: Vec<_> = picked.iter().map(|(s, row)| (s - shift, *row)).collect();
            interleave_record_batch(&batches, &picked)?
        };
        Ok(Some(FeatureBatch {
            batch,
            next,
            places: Places::default(),
        }))
    }
}

/// The order of two places: nulls last, the identifier decides ties.
fn compare(descending: &[bool], a: Option<&Cursor>, b: Option<&Cursor>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return Ordering::Equal;
    };
    for ((x, y), down) in a.keys.iter().zip(&b.keys).zip(descending) {
        let order = match (x.is_null(), y.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = x.compare(y).unwrap_or(Ordering::Equal);
                if *down { order.reverse() } else { order }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.id.as_bytes().cmp(b.id.as_bytes())
}
