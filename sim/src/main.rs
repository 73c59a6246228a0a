//! The command `tribunal`.
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (scenario, _) = tribunal_sim::scenario::load(std::path::Path::new(&args[1]))
        .unwrap_or_else(|e| panic!("{}", e.render(false, 100)));
    let from: u64 = args[2].parse().unwrap();
    let to: u64 = args[3].parse().unwrap();
    for plan in &scenario.variants {
        for seed in from..=to {
            let t = std::time::Instant::now();
            let out = tribunal_sim::run::run(
                plan,
                seed,
                tribunal_sim::run::RunOptions {
                    trace: if args.len() > 4 { Some(Box::new(|l: &str| println!("{l}"))) } else { None },
                },
            );
            let w = t.elapsed();
            let virt = out.phases.last().unwrap().1.as_nanos() as f64 / 1e9;
            let sends: Vec<_> = out.history.load_sends().collect();
            let acked = sends.iter().filter(|(_, s)| s.acknowledged().is_some()).count();
            let finals: std::collections::BTreeSet<_> =
                out.history.final_reads.values().flatten().filter_map(|(_, r)| *r).collect();
            let lost = sends
                .iter()
                .filter(|(_, s)| s.acknowledged().is_some() && !finals.contains(&s.record))
                .count();
            for f in &out.findings {
                let v = tribunal_sim::promise::judge(plan, &out, f);
                if f.violated > 0 || f.checked == 0 || !matches!(v, tribunal_sim::promise::Verdict::Held) {
                    println!(
                        "   {} checked {} {} violated {} -> {:?} e.g. {:?}",
                        f.guarantee.name(),
                        f.checked,
                        f.unit,
                        f.violated,
                        v,
                        f.violations.first().map(|v| v.text.clone())
                    );
                }
            }
            println!(
                "{} seed {seed}: sends {} acked {acked} lost {lost} final {} unread {:?} faults {:?} recovery {:?} wall {:?} virt {virt:.1} = {:.0}x events {} hash {:x} abandoned {:?}",
                plan.label,
                sends.len(),
                finals.len(),
                out.history.unread,
                out.faults
                    .iter()
                    .map(|f| (f.began.map(|x| x.to_string()), f.targets.clone()))
                    .collect::<Vec<_>>(),
                out.recovery,
                w,
                virt / w.as_secs_f64(),
                out.event_count,
                out.trace_hash,
                out.abandoned
            );
        }
    }
}
