//! Pictures as inline SVG: a histogram, and percentiles over time.

use std::fmt::Write;

use super::Latency;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
/// Room for words at the left and below.
const LEFT: f64 = 64.0;
const BELOW: f64 = 24.0;

/// How often which latency was seen. Both axes are logarithmic: the tail is the point.
pub(crate) fn histogram(it: &Latency) -> String {
    let most = it.bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(2) as f64;
    let wide = (WIDTH - LEFT) / it.bars.len().max(1) as f64;
    let mut svg = open("How often which latency was seen");
    for (number, bar) in it.bars.iter().enumerate().filter(|(_, bar)| bar.count > 0) {
        let high = ((bar.count as f64 + 1.0).ln() / (most + 1.0).ln()).max(0.01) * HEIGHT;
        let left = LEFT + number as f64 * wide;
        let _ = write!(
            svg,
            "<rect class=bar x='{left:.1}' y='{:.1}' width='{:.1}' height='{high:.1}'>\
             <title>below {:.3} ms: {}</title></rect>",
            HEIGHT - high,
            wide * 0.9,
            bar.below_ms,
            bar.count
        );
    }
    for number in (0..it.bars.len()).step_by(8) {
        let left = LEFT + number as f64 * wide;
        word(&mut svg, left, HEIGHT + 16.0, "start", &ms(it.bars[number].below_ms));
    }
    word(&mut svg, LEFT - 6.0, 12.0, "end", &format!("{most:.0}"));
    svg + "</svg>"
}

/// Percentiles second by second.
pub(crate) fn over_time(it: &Latency) -> String {
    let most = it.seconds.iter().map(|one| one.p999).fold(0.001, f64::max);
    let step = (WIDTH - LEFT) / (it.seconds.len().max(2) - 1) as f64;
    let mut svg = open("Percentiles second by second");
    let line = |svg: &mut String, class: &str, value: &dyn Fn(usize) -> f64| {
        let _ = write!(svg, "<polyline class={class} points='");
        for second in (0..it.seconds.len()).filter(|&second| it.seconds[second].count > 0) {
            let up = HEIGHT - value(second) / most * (HEIGHT - 8.0);
            let _ = write!(svg, "{:.1},{up:.1} ", LEFT + second as f64 * step);
        }
        svg.push_str("'/>");
    };
    line(&mut svg, "p50", &|second| it.seconds[second].p50);
    line(&mut svg, "p99", &|second| it.seconds[second].p99);
    line(&mut svg, "p999", &|second| it.seconds[second].p999);
    word(&mut svg, LEFT - 6.0, 12.0, "end", &ms(most));
    word(&mut svg, LEFT - 6.0, HEIGHT, "end", "0");
    word(&mut svg, LEFT, HEIGHT + 16.0, "start", "0 s");
    let end = format!("{} s", it.seconds.len().saturating_sub(1));
    word(&mut svg, WIDTH, HEIGHT + 16.0, "end", &end);
    svg + "</svg>"
}

fn open(title: &str) -> String {
    format!(
        "<svg viewBox='0 0 {WIDTH} {}' role=img><title>{title}</title>\
         <line class=axis x1='{LEFT}' y1='{HEIGHT}' x2='{WIDTH}' y2='{HEIGHT}'/>",
        HEIGHT + BELOW
    )
}

fn word(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = write!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor={anchor}>{text}</text>");
}

fn ms(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0} ms"),
        1.0.. => format!("{value:.1} ms"),
        _ => format!("{:.0} µs", value * 1e3),
    }
}
