//! One run in full: the leader crashes at 10.003 s and comes back at 22.003 s.

use super::{MS, S, Shape, group, loss};
use tribunal_reports::artifact::{
    BrokerLane, BrokerState, Exhibit, FaultBand, IsrStep, IsrTrack, LagTrack, LagWindow, LatencyWindow,
    Outage, OutcomeWindow, Phase, Recovery, ReplicaRole, RoleInterval, StateInterval, StoryStep,
};

const CRASH: u64 = 10_003 * MS;
const ELECTED: u64 = 16_410 * MS;
const BACK: u64 = 22_003 * MS;
const IN_SYNC: u64 = 23_120 * MS;
const END: u64 = 50 * S;

pub(crate) fn exhibit(shape: &Shape, windows: u64) -> Exhibit {
    let window_ns = END / windows;
    let phase = |name: &str, start_ns, end_ns| Phase { name: name.to_owned(), start_ns, end_ns };
    Exhibit {
        seed: shape.seed,
        why: if shape.lost > 0 { "the run that lost most" } else { "the run with the longest outage" }
            .to_owned(),
        reproduce: format!("tribunal replay report.html --variant acks={} --seed {}", shape.acks, shape.seed),
        event_hash: format!("{:016x}", shape.seed),
        duration_ns: END,
        phases: vec![
            phase("boot", 0, 2 * S),
            phase("load", 2 * S, 42 * S),
            phase("heal", 42 * S, 44 * S),
            phase("drain", 44 * S, END),
        ],
        faults: vec![FaultBand {
            name: "kill-leader".to_owned(),
            action: "crash".to_owned(),
            target: "broker 1, leader of orders/0".to_owned(),
            start_ns: CRASH,
            end_ns: BACK,
            hardware: "legal".to_owned(),
            struck: None,
        }],
        brokers: brokers(),
        isr: vec![isr()],
        window_ns,
        outcomes: outcomes(windows, window_ns),
        outages: vec![Outage { who: "orders/0".to_owned(), start_ns: CRASH, end_ns: ELECTED + 140 * MS }],
        latency: latency(shape, windows, window_ns),
        lag: vec![lag(windows, window_ns)],
        groups: vec![group::track()],
        recoveries: vec![Recovery {
            fault: "kill-leader".to_owned(),
            start_ns: CRASH,
            detected_ns: Some(CRASH + 6_003 * MS),
            new_leader_ns: Some(ELECTED),
            first_ack_ns: Some(ELECTED + 140 * MS),
            isr_full_ns: Some(IN_SYNC),
            lag_zero_ns: Some(ELECTED + 900 * MS),
        }],
        losses: loss::losses(shape),
        story: story(shape),
    }
}

fn brokers() -> Vec<BrokerLane> {
    let state = |state, start_ns, end_ns| StateInterval { state, start_ns, end_ns };
    let role = |role, epoch, start_ns, end_ns| RoleInterval {
        partition: "orders/0".to_owned(),
        role,
        epoch,
        start_ns,
        end_ns,
    };
    use BrokerState::{Down, Fenced, Up};
    use ReplicaRole::{InSync, Leader, OutOfSync};
    vec![
        BrokerLane {
            broker: 1,
            states: vec![
                state(Up, 0, CRASH),
                state(Down, CRASH, BACK),
                state(Fenced, BACK, BACK + 300 * MS),
                state(Up, BACK + 300 * MS, END),
            ],
            roles: vec![
                role(Leader, 4, S, CRASH),
                role(OutOfSync, 5, BACK + 300 * MS, IN_SYNC),
                role(InSync, 5, IN_SYNC, END),
            ],
        },
        BrokerLane {
            broker: 2,
            states: vec![state(Up, 0, END)],
            roles: vec![role(InSync, 4, S, ELECTED), role(Leader, 5, ELECTED, END)],
        },
        BrokerLane {
            broker: 3,
            states: vec![state(Up, 0, END)],
            roles: vec![role(InSync, 4, S, ELECTED), role(InSync, 5, ELECTED, END)],
        },
    ]
}

fn isr() -> IsrTrack {
    let step = |at_ns, members: &[i32]| IsrStep { at_ns, members: members.to_vec() };
    IsrTrack {
        partition: "orders/0".to_owned(),
        replicas: 3,
        min_insync_replicas: 2,
        steps: vec![
            step(S, &[1, 2, 3]),
            step(ELECTED, &[2, 3]),
            step(30 * S, &[2]),
            step(31 * S, &[1, 2, 3]),
        ],
    }
}

/// True while nobody leads.
fn out(at: u64) -> bool {
    (CRASH..ELECTED + 140 * MS).contains(&at)
}

fn outcomes(windows: u64, window_ns: u64) -> Vec<OutcomeWindow> {
    let one = |index: u64| {
        let start_ns = index * window_ns;
        let wobble = index * 7919 % 23;
        let full = 2_000 * window_ns / S;
        let backlog = (ELECTED + 140 * MS..ELECTED + S).contains(&start_ns);
        let acked = if backlog { full * 6 } else { full + wobble };
        let unknown = u64::from((CRASH..CRASH + 200 * MS).contains(&start_ns)) * 31;
        let failed = u64::from(index % 67 == 3) * 12;
        OutcomeWindow { start_ns, acked: if out(start_ns) { 0 } else { acked }, failed, unknown }
    };
    (0..windows).map(one).filter(|window| (2 * S..43 * S).contains(&window.start_ns)).collect()
}

fn latency(shape: &Shape, windows: u64, window_ns: u64) -> Vec<LatencyWindow> {
    let one = |index: u64| {
        let start_ns = index * window_ns;
        let wobble = 80 + index * 7919 % 41;
        let p50_ns = shape.p50_ns * wobble / 100;
        let after = start_ns.saturating_sub(ELECTED + 140 * MS);
        let backlog = (ELECTED..ELECTED + S).contains(&start_ns);
        let worst = if backlog { 6_547 * MS - after.min(6_000 * MS) } else { p50_ns * (9 + index * 31 % 17) };
        LatencyWindow { start_ns, samples: 500, p50_ns, p99_ns: worst * 7 / 10, max_ns: worst }
    };
    (0..windows)
        .map(one)
        .filter(|window| (2 * S..42 * S).contains(&window.start_ns) && !out(window.start_ns))
        .collect()
}

fn lag(windows: u64, window_ns: u64) -> LagTrack {
    let one = |index: u64| {
        let start_ns = index * window_ns;
        let loaded = (2 * S..42 * S).contains(&start_ns);
        let catching_up = (ELECTED..ELECTED + S).contains(&start_ns);
        let records = match (loaded, catching_up) {
            (false, _) => 0,
            (true, true) => 12_400 - (start_ns - ELECTED) / (100_000),
            (true, false) if out(start_ns) => 0,
            (true, false) => 20 + index % 9,
        };
        LagWindow { start_ns, records, age_ns: records * MS / 2 }
    };
    LagTrack { group: "audit".to_owned(), windows: (0..windows).map(one).collect() }
}

fn story(shape: &Shape) -> Vec<StoryStep> {
    let step = |at_ns, text: String| StoryStep { at_ns, text };
    let mut story = vec![
        step(2 * S, "Load began: 2000 records a second to orders/0, leader broker 1, epoch 4, ISR {1, 2, 3}.".to_owned()),
        step(
            CRASH,
            "Fault kill-leader fired because unreplicated(orders/0) reached 20. Leader was broker 1, epoch 4.".to_owned(),
        ),
        step(CRASH + 6_003 * MS, "The controller fenced broker 1 after 6 s without a heartbeat.".to_owned()),
        step(ELECTED, "Broker 2 was elected leader of orders/0 in epoch 5, a clean election.".to_owned()),
        step(ELECTED + 140 * MS, "The first write succeeded again, 6.55 s after the crash.".to_owned()),
        step(BACK, "Broker 1 came back with its log.".to_owned()),
    ];
    if shape.lost > 0 {
        let text = format!(
            "Broker 1 truncated orders/0 to offset 19873: {} acknowledged records were gone.",
            shape.lost
        );
        story.push(step(BACK + 310 * MS, text));
    }
    story.push(step(IN_SYNC, "Broker 1 was back in the ISR.".to_owned()));
    story
}
