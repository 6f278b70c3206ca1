use super::*;

const UTC: TimeZone = TimeZone::UTC;

fn pattern(text: &str) -> Pattern {
    Pattern::compile(text).unwrap()
}

#[test]
fn formats() {
    let millis = 1_612_345_678_090; // 2021-02-03T09:47:58.090Z, a Wednesday
    for (text, expected) in [
        ("yyyy-MM-dd HH:mm:ss", "2021-02-03 09:47:58"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2021-02-03T09:47:58.090Z"),
        ("yyyyMMdd", "20210203"),
        ("yy/M/d h:m a", "21/2/3 9:47 AM"),
        ("EEE, dd MMM yyyy", "Wed, 03 Feb 2021"),
        ("EEEE MMMM d", "Wednesday February 3"),
        ("D e w x", "34 3 5 2021"),
        ("xxxx-'W'ww-e", "2021-W05-3"),
        ("Z ZZ ZZZ z", "+0000 +00:00 UTC UTC"),
        ("S SS SSS SSSSSS", "0 09 090 090000"),
        ("K k H", "9 9 9"),
        ("''yyyy''", "'2021'"),
        ("Q", "1"),
        ("YYYY G", "2021 AD"),
        ("'o''clock'", "o'clock"),
    ] {
        assert_eq!(pattern(text).format(millis, UTC), expected, "{text}");
    }
    let zone: TimeZone = "America/Los_Angeles".parse().unwrap();
    assert_eq!(pattern("yyyy-MM-dd HH Z zzz ZZZ").format(millis, zone), "2021-02-03 01 -0800 PST America/Los_Angeles");
    for edge in [i64::MIN, i64::MAX] {
        let _ = pattern("yyyy xxxx ww D G z").format(edge, zone);
    }
}

#[test]
fn parses() {
    for (text, input, millis) in [
        ("yyyy-MM-dd HH:mm:ss", "2021-02-03 09:47:58", 1_612_345_678_000),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS", "2021-02-03T09:47:58.090123456", 1_612_345_678_090),
        ("yyyyMMdd", "20210203", 1_612_310_400_000),
        ("yyyyMMddHHmm", "202102030947", 1_612_345_620_000),
        ("MM/dd/yy", "2/3/21", 1_612_310_400_000),
        ("dd MMM yyyy", "3 feb 2021", 1_612_310_400_000),
        ("MMMM d, yyyy h:mm a", "February 3, 2021 9:47 PM", 1_612_388_820_000),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "2021-02-03T09:47:58+01:00", 1_612_342_078_000),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "2021-02-03T09:47:58Z", 1_612_345_678_000),
        ("yyyy-MM-dd z", "2021-02-03 PST", 1_612_339_200_000),
        ("yyyy-MM-dd ZZZ", "2021-02-03 Asia/Tokyo", 1_612_278_000_000),
        ("xxxx-'W'ww", "2021-W05", 1_612_137_600_000),
        ("yyyy-D", "2021-34", 1_612_310_400_000),
        ("yyyy", "2021", 1_609_459_200_000),
        ("EEE dd MMM yyyy", "Wed 03 Feb 2021", 1_612_310_400_000),
        ("HH:mm", "01:30", 5_400_000),
        ("MM-dd", "01-01", 946_684_800_000),
        ("yyyy", "-0001", -62_198_755_200_000),
    ] {
        assert_eq!(pattern(text).parse(input, UTC), Ok(millis), "{text} {input}");
    }
    let zone: TimeZone = "America/Los_Angeles".parse().unwrap();
    assert_eq!(pattern("yyyy-MM-dd").parse("2021-02-03", zone), Ok(1_612_339_200_000));
}

#[test]
fn refuses() {
    let message = |text: &str, input: &str| pattern(text).parse(input, UTC).unwrap_err().to_string();
    assert_eq!(message("yyyy-MM-dd", "2021-02"), "Invalid format: \"2021-02\" is too short");
    assert_eq!(message("yyyy-MM-dd", "2021x02-01"), "Invalid format: \"2021x02-01\" is malformed at \"x02-01\"");
    assert_eq!(
        message("yyyy-MM-dd", "2021-02-30"),
        "Cannot parse \"2021-02-30\": Value 30 for dayOfMonth must be in the range [1,28]"
    );
    assert!(message("yyyy", "2021é").contains("malformed"));
    assert!(message("HH", "25").contains("hourOfDay"));
    for bad in ["", "yyyy-uu", "'open", "b"] {
        assert!(Pattern::compile(bad).is_err(), "{bad}");
    }
    let zone: TimeZone = "America/Los_Angeles".parse().unwrap();
    assert!(pattern("yyyy-MM-dd HH:mm").parse("2021-03-14 02:30", zone).is_err());
}

#[test]
fn round_trips_on_many_instants() {
    let pattern = pattern("yyyy-MM-dd'T'HH:mm:ss.SSSZ");
    for zone in ["UTC", "Asia/Kolkata", "America/New_York", "-03:30"] {
        let zone: TimeZone = zone.parse().unwrap();
        let mut millis = -40_000_000_000_000_i64;
        while millis < 40_000_000_000_000 {
            // Zones before 1900 have offsets with seconds, which the offset text cuts.
            if zone.offset_millis(millis) % 60_000 == 0 {
                assert_eq!(pattern.parse(&pattern.format(millis, zone), UTC), Ok(millis));
            }
            millis += 123_456_789_012;
        }
    }
}

#[test]
fn order_of_texts() {
    assert!(pattern("yyyy-MM-dd HH:mm:ss").sorts_like_time());
    assert!(pattern("yyyyMMdd").sorts_like_time());
    assert!(!pattern("dd-MM-yyyy").sorts_like_time());
    assert!(pattern("yyyy MMM dd, hh:mm:ss a").sorts_like_time());
    assert!(!pattern("MM yyyy").sorts_like_time());
}
