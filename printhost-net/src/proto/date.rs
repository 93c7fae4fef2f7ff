//! Dates of the calendar as numbers.

/// Seconds from the beginning of 1970 to a moment of the Gregorian calendar, in UTC. What is no date has some number,
/// too.
pub const fn unix_time([year, month, day]: [i32; 3], [hour, minute, second]: [i32; 3]) -> i64 {
    // A year that begins in March ends with its leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month as i64) + 2) / 5 + day as i64 - 1;
    let of_era = 365 * of_era as i64 + (of_era / 4 - of_era / 100) as i64 + of_year;
    let days = era as i64 * 146_097 + of_era - 719_468;
    days * 86_400 + hour as i64 * 3600 + minute as i64 * 60 + second as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `date -u -d … +%s`.
    #[test]
    fn moments_are_counted_as_date_counts_them() {
        for (date, time, seconds) in [
            ([1970, 1, 1], [0, 0, 0], 0),
            ([1969, 12, 31], [23, 59, 59], -1),
            ([2000, 2, 29], [12, 0, 0], 951_825_600),
            ([2000, 3, 1], [0, 0, 0], 951_868_800),
            ([2024, 12, 31], [23, 59, 59], 1_735_689_599),
            ([2032, 4, 1], [0, 0, 0], 1_964_390_400),
            ([2100, 3, 1], [0, 0, 0], 4_107_542_400),
            ([9999, 12, 31], [23, 59, 59], 253_402_300_799),
        ] {
            assert_eq!(unix_time(date, time), seconds, "{date:?} {time:?}");
        }
    }
}
