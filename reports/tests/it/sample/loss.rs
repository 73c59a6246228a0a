//! The lost records of a run: chains and the offset grid.

use super::{MS, Shape};
use tribunal_reports::artifact::{
    ChainStep, GridCell, GridMoment, GridRow, LossChain, Losses, OffsetGrid, StepKind,
};

const FIRST_LOST: u64 = 19_873;
const PRODUCER: &str = "producer checkout/0";

pub(crate) fn losses(shape: &Shape) -> Losses {
    if shape.lost == 0 {
        return Losses::default();
    }
    Losses {
        total: shape.lost,
        chains: (0..5).map(|number| chain(shape, number)).collect(),
        grid: Some(grid()),
    }
}

fn chain(shape: &Shape, number: u64) -> LossChain {
    let record = format!("k{}#20{number}", 17 + number);
    LossChain {
        partition: "orders/0".to_owned(),
        offset: Some(FIRST_LOST + number),
        record: record.clone(),
        producer: PRODUCER.to_owned(),
        producer_id: Some(4_001),
        sequence: Some(204),
        acked_at_ns: 10_001 * MS,
        acked_by: Some(1),
        epoch: Some(4),
        isr: vec![1, 2, 3],
        held_by: vec![1],
        steps: steps(&record),
        rule: format!("acks={}: the leader acknowledges before any follower has the record.", shape.acks),
    }
}

fn steps(record: &str) -> Vec<ChainStep> {
    let step =
        |at_ms: u64, kind, from: &str, to: Option<&str>, delivered, label: &str, text: &str| ChainStep {
            at_ns: at_ms * MS,
            kind,
            from: from.to_owned(),
            to: to.map(str::to_owned),
            delivered,
            label: label.to_owned(),
            text: text.to_owned(),
        };
    use StepKind::{Acked, Appended, Election, Fault, Message, Missing, Truncation};
    vec![
        step(9_999, Message, PRODUCER, Some("broker 1"), true, "Produce", &format!("Produced {record}.")),
        step(10_000, Appended, "broker 1", None, true, "append at 19873", "Broker 1 appended it in epoch 4."),
        step(10_001, Acked, "broker 1", Some(PRODUCER), true, "ack", "Broker 1 acknowledged it alone."),
        step(
            10_002,
            Message,
            "broker 1",
            Some("broker 2"),
            false,
            "Fetch answer",
            "The answer that carried it was lost.",
        ),
        step(10_003, Fault, "broker 1", None, true, "crash", "Broker 1 crashed."),
        step(
            16_410,
            Election,
            "controller",
            Some("broker 2"),
            true,
            "leader, epoch 5",
            "Broker 2 was elected without it.",
        ),
        step(
            22_313,
            Truncation,
            "broker 1",
            None,
            true,
            "truncate to 19873",
            "Broker 1 cut its log to the epoch of broker 2.",
        ),
        step(
            46_000,
            Missing,
            "reader",
            Some("broker 2"),
            true,
            "other record",
            "The final read found another record there.",
        ),
    ]
}

fn grid() -> OffsetGrid {
    let cell = |offset: u64, epoch, lost| {
        Some(GridCell {
            record: format!("k{}#{}", offset % 97, offset % 1_000),
            epoch,
            acked: epoch == 4,
            lost,
        })
    };
    let log = |until: u64, epoch5: u64| -> Vec<Option<GridCell>> {
        (FIRST_LOST - 3..FIRST_LOST + 7)
            .map(|offset| match offset {
                _ if offset < until.min(FIRST_LOST) => cell(offset, 4, false),
                _ if offset < until => cell(offset, 4, true),
                _ if offset < epoch5 => cell(offset + 31, 5, false),
                _ => None,
            })
            .collect()
    };
    let row = |replica, role: &str, cells, high_watermark| GridRow {
        replica,
        role: role.to_owned(),
        cells,
        high_watermark,
    };
    let hw = Some(FIRST_LOST);
    let moment =
        |title: &str, at_ms: u64, rows| GridMoment { title: title.to_owned(), at_ns: at_ms * MS, rows };
    OffsetGrid {
        partition: "orders/0".to_owned(),
        first_offset: FIRST_LOST - 3,
        columns: 10,
        divergence: Some(FIRST_LOST),
        moments: vec![
            moment(
                "at the crash",
                10_003,
                vec![
                    row(1, "leader", log(FIRST_LOST + 4, 0), hw),
                    row(2, "follower", log(FIRST_LOST, 0), hw),
                    row(3, "follower", log(FIRST_LOST, 0), Some(FIRST_LOST - 1)),
                ],
            ),
            moment(
                "after the election",
                17_000,
                vec![
                    row(1, "down", log(FIRST_LOST + 4, 0), None),
                    row(2, "leader", log(FIRST_LOST, FIRST_LOST + 6), Some(FIRST_LOST + 5)),
                    row(3, "follower", log(FIRST_LOST, FIRST_LOST + 5), Some(FIRST_LOST + 4)),
                ],
            ),
            moment(
                "after broker 1 came back",
                22_400,
                vec![
                    row(1, "follower", log(FIRST_LOST, FIRST_LOST + 7), Some(FIRST_LOST + 7)),
                    row(2, "leader", log(FIRST_LOST, FIRST_LOST + 7), Some(FIRST_LOST + 7)),
                    row(3, "follower", log(FIRST_LOST, FIRST_LOST + 7), Some(FIRST_LOST + 7)),
                ],
            ),
        ],
    }
}
