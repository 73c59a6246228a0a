//! Lost records, in the words of the artifact.

use tribunal_engine::id::NodeId;
use tribunal_engine::offset::Offset;
use tribunal_reports::artifact::{
    ChainStep as Step, GridCell as Cell, GridMoment as Moment, GridRow as Row, LossChain as Chain, Losses,
    OffsetGrid as Grid, StepKind as Kind,
};

use crate::chain::{self, ChainStep, GridMoment, GridRow, LossChain, OffsetGrid, StepKind};
use crate::run::RunOutcome;
use crate::scenario::Plan;

/// Chains shown.
const CHAINS_MAX: usize = 5;

/// The losses of a run.
pub(super) fn losses(plan: &Plan, run: &RunOutcome) -> Losses {
    let losses = chain::loss_chains(plan, run, CHAINS_MAX);
    Losses {
        total: losses.total,
        chains: losses.chains.iter().map(of_chain).collect(),
        grid: losses.grid.as_ref().map(of_grid),
    }
}

fn number(offset: Offset) -> Option<u64> {
    u64::try_from(offset.0).ok()
}

fn ids(brokers: &[NodeId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}

fn of_chain(chain: &LossChain) -> Chain {
    Chain {
        partition: chain.partition.to_string(),
        offset: chain.offset.and_then(number),
        record: chain.record.to_string(),
        producer: chain.producer.clone(),
        producer_id: None,
        sequence: None,
        acked_at_ns: chain.acked_at.as_nanos(),
        acked_by: chain.acked_by.map(|broker| broker.0),
        epoch: chain.epoch.map(|epoch| epoch.0),
        isr: ids(&chain.isr),
        held_by: ids(&chain.held_by),
        steps: chain.steps.iter().map(of_step).collect(),
        rule: chain.rule.clone(),
    }
}

fn of_step(step: &ChainStep) -> Step {
    Step {
        at_ns: step.at.as_nanos(),
        kind: match step.kind {
            StepKind::Message => Kind::Message,
            StepKind::Appended => Kind::Appended,
            StepKind::Acked => Kind::Acked,
            StepKind::Fault => Kind::Fault,
            StepKind::Election => Kind::Election,
            StepKind::Truncation => Kind::Truncation,
            StepKind::Missing => Kind::Missing,
        },
        from: step.from.clone(),
        to: step.to.clone(),
        delivered: step.delivered,
        label: step.label.clone(),
        text: step.text.clone(),
    }
}

fn of_grid(grid: &OffsetGrid) -> Grid {
    Grid {
        partition: grid.partition.to_string(),
        first_offset: number(grid.first).unwrap_or(0),
        columns: grid.columns,
        divergence: grid.divergence.and_then(number),
        moments: grid.moments.iter().map(of_moment).collect(),
    }
}

fn of_moment(moment: &GridMoment) -> Moment {
    Moment {
        title: moment.title.clone(),
        at_ns: moment.at.as_nanos(),
        rows: moment.rows.iter().map(of_row).collect(),
    }
}

fn of_row(row: &GridRow) -> Row {
    let cell = |cell: &chain::GridCell| Cell {
        // A record that neither a client nor a disk tells apart.
        record: cell.record.map_or_else(|| "?".to_owned(), |record| record.to_string()),
        epoch: cell.epoch.0,
        acked: cell.acked,
        lost: cell.lost,
    };
    Row {
        replica: row.replica.0,
        role: row.role.to_owned(),
        cells: row.cells.iter().map(|found| found.as_ref().map(cell)).collect(),
        high_watermark: row.high_watermark.and_then(number),
    }
}
