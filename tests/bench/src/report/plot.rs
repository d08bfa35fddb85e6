//! Plots as SVG.

use plotters::prelude::*;
use std::path::Path;

const WIDTH: u32 = 760;
/// Height of a bar and of what surrounds all of them.
const BAR: u32 = 36;
const AROUND: u32 = 90;
const CURVES: u32 = 320;
const FONT: &str = "sans-serif";
const COLORS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44)];
/// Lowest value on a logarithmic axis: zero has no place there.
const LOWEST: f64 = 0.5;

/// A curve with its name.
pub(super) struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

impl Line {
    pub(super) fn new(name: &'static str, points: Vec<(f64, f64)>) -> Self {
        let on_axis = |(x, y): (f64, f64)| (x.max(LOWEST), y.max(LOWEST));
        Self {
            name,
            points: points.into_iter().map(on_axis).collect(),
        }
    }
}

/// Draws horizontal bars, the first at the top.
pub(super) fn bars(file: &Path, title: &str, rows: &[(String, f64)]) {
    let count = i32::try_from(rows.len()).unwrap();
    let size = (WIDTH, AROUND + BAR * rows.len() as u32);
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let highest = rows.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 16))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(230)
        .build_cartesian_2d(0.0..highest * 1.1, (0..count - 1).into_segmented())
        .unwrap();
    let name = |value: &SegmentValue<i32>| match value {
        SegmentValue::CenterOf(number) => {
            let row = usize::try_from(count - 1 - number).ok().and_then(|row| rows.get(row));
            row.map(|(name, _)| name.clone()).unwrap_or_default()
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .label_style((FONT, 13))
        .y_label_formatter(&name)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .draw()
        .unwrap();
    let data = rows
        .iter()
        .zip((0..count).rev())
        .map(|((_, value), number)| (number, *value));
    chart
        .draw_series(
            Histogram::horizontal(&chart)
                .style(COLORS[0].filled())
                .margin(6)
                .data(data),
        )
        .unwrap();
    area.present().unwrap();
}

/// Draws curves; both axes are logarithmic.
pub(super) fn lines(file: &Path, title: &str, lines: &[Line]) {
    let area = SVGBackend::new(file, (WIDTH, CURVES)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let all = || lines.iter().flat_map(|line| &line.points);
    let highest_x = all().map(|(x, _)| *x).fold(1.0, f64::max);
    let highest_y = all().map(|(_, y)| *y).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 16))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (LOWEST..highest_x * 1.2).log_scale(),
            (LOWEST..highest_y * 2.0).log_scale(),
        )
        .unwrap();
    chart.configure_mesh().label_style((FONT, 13)).draw().unwrap();
    for (line, color) in lines.iter().zip(COLORS) {
        let drawn = LineSeries::new(line.points.iter().copied(), &color).point_size(3);
        chart
            .draw_series(drawn)
            .unwrap()
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    let labels = &mut chart.configure_series_labels();
    let labels = labels.label_font((FONT, 13)).background_style(WHITE.mix(0.8));
    labels.position(SeriesLabelPosition::UpperLeft).draw().unwrap();
    area.present().unwrap();
}
