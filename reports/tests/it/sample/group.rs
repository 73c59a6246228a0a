//! One consumer group: three members share four partitions; one stands still and is replaced.

use super::{MS, S, Shape, percentiles};
use tribunal_reports::artifact::{GroupFigures, GroupTrack, OwnerInterval, OwnerLane, RebalanceBand};

pub(crate) fn figures(shape: &Shape) -> GroupFigures {
    GroupFigures {
        group: "billing".to_owned(),
        rebalances: 412,
        rebalance_time: percentiles(400, shape.p50_ns, 3 * S),
        stopped_millionths: Some(41_200),
        moved: 1_012,
        takeover: percentiles(40, 10 * S, 12 * S),
        processed: 70_412,
        redelivered: 412,
        by_zombies: 12,
        max_lag: Some(23_012),
        max_lag_age_ns: Some(12 * S),
        lag_at_end: Some(0),
    }
}

pub(crate) fn track() -> GroupTrack {
    let owner = |member, epoch, start_ns, end_ns| OwnerInterval {
        member,
        epoch,
        start_ns,
        end_ns,
        zombie_from_ns: None,
    };
    let lane = |index: u32| {
        let mut owners =
            vec![owner(index % 3, 1, 3 * S, 20 * S), owner((index + 1) % 3, 2, 20 * S + 300 * MS, 50 * S)];
        if index == 2 {
            owners[0] = OwnerInterval { end_ns: 24 * S, zombie_from_ns: Some(20 * S), ..owners[0] };
        }
        OwnerLane { partition: format!("payments/{index}"), owners }
    };
    let band = |epoch, start_ns, end_ns, ended| RebalanceBand {
        epoch,
        why: "a member joined".to_owned(),
        start_ns,
        end_ns,
        ended,
    };
    GroupTrack {
        group: "billing".to_owned(),
        members: (0..3).map(|number| format!("billing-{number}")).collect(),
        partitions: (0..4).map(lane).collect(),
        rebalances: vec![
            band(0, 2 * S, 2 * S + 500 * MS, false),
            band(1, 2 * S + 500 * MS, 3 * S, true),
            band(2, 20 * S, 20 * S + 300 * MS, true),
        ],
    }
}
