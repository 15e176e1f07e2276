//! One page that needs nobody: no script, no font, no picture from elsewhere.

use std::fmt::Write;

use super::{Figure, Latency, Report, plot, spelled};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { padding: .3rem .6rem .3rem 0; text-align: right; border-bottom: 1px solid #8884 }
td:first-child, th:first-child { text-align: left }
svg { width: 100%; height: auto } text { font-size: 11px; fill: currentColor }
.axis { stroke: #888 } .bar { fill: #2a78b8 } polyline { fill: none; stroke-width: 2 }
.p50 { stroke: #2a78b8 } .p99 { stroke: #c47a00 } .p999 { stroke: #b3261e }
.bad { color: #b3261e; font-weight: 600 } small { color: #777 }
i { display: inline-block; width: 1rem; border-top: 3px solid; vertical-align: middle }
i.p50 { color: #2a78b8 } i.p99 { color: #c47a00 } i.p999 { color: #b3261e }
";

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width'><title>Konsil load: {0}</title>\
         <style>{STYLE}</style><h1>{0}</h1><p>{1}</p>",
        escaped(&report.plan),
        escaped(&report.what)
    );
    let bad = if report.lost + report.failed > 0 { "bad" } else { "good" };
    let _ = write!(
        page,
        "<p class={bad}>Lost {}, told twice {}, failed {}.</p>",
        report.lost, report.again, report.failed
    );
    page += "<table>";
    for Figure { name, value, unit } in &report.figures {
        let value = spelled(*value);
        let _ = write!(page, "<tr><td>{}<td>{value} {unit}", escaped(name));
    }
    page += "</table>";
    report.latencies.iter().for_each(|it| latency(&mut page, it));
    for note in &report.notes {
        let _ = write!(page, "<p>{}</p>", escaped(note));
    }
    let line = escaped(&report.machine.line());
    let (seed, at) = (report.seed, report.machine.at);
    let _ = write!(page, "<hr><p><small>{line}. Seed {seed}. Unix time {at}.</small></p>");
    page + "</html>\n"
}

fn latency(page: &mut String, it: &Latency) {
    let _ = write!(
        page,
        "<h2>{}</h2><table><tr><th>milliseconds<th><i class=p50></i> p50<th><i class=p99></i> p99\
         <th><i class=p999></i> p99.9<th>max<tr><td>{} in all",
        escaped(&it.name),
        spelled(it.count as f64)
    );
    [it.p50, it.p99, it.p999, it.max].iter().for_each(|ms| *page += &format!("<td>{ms:.2}"));
    *page += "</table>";
    *page += &plot::histogram(it);
    *page += &plot::over_time(it);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
