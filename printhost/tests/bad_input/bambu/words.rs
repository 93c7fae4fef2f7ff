//! What a printer says and hears in MQTT, byte by byte.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    super::harness::Scene,
    printer::{Answer, Told, say},
};

pub(crate) const SERIAL: &str = "01P00A000000000";

/// The login is accepted.
pub(crate) const CONNACK: &[u8] = &[0x20, 2, 0, 0];

/// A packet that begins so and is so long; `len` counts what comes after it.
pub(crate) fn packet(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = len;
    loop {
        let more = if left > 127 { 0x80 } else { 0 };
        bytes.push((left & 0x7f) as u8 | more);
        left >>= 7;
        if left == 0 {
            return bytes;
        }
    }
}

/// How a message of so many bytes begins.
pub(crate) fn head(topic: &str, len: usize) -> Vec<u8> {
    let mut bytes = packet(0x30, 2 + topic.len() + len);
    bytes.extend((topic.len() as u16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes
}

/// A message on a topic.
pub(crate) fn message_on(topic: &str, payload: &[u8]) -> Vec<u8> {
    [&head(topic, payload.len()), payload].concat()
}

/// A message where the printer reports.
pub(crate) fn message(payload: impl AsRef<[u8]>) -> Vec<u8> {
    message_on(&report_topic(), payload.as_ref())
}

pub(crate) fn report_topic() -> String {
    format!("device/{SERIAL}/report")
}

/// The acknowledgement of a message.
pub(crate) fn puback(id: u16) -> Vec<u8> {
    [&[0x40, 2][..], &id.to_be_bytes()].concat()
}

/// A whole report.
pub(crate) fn whole(scene: Scene) -> String {
    let (state, task, percent) = match scene {
        Scene::Idle => ("IDLE", "0", 0),
        Scene::Printing => ("RUNNING", "7", 42),
        Scene::Paused => ("PAUSE", "7", 42),
    };
    format!(
        r#"{{"print":{{"command":"push_status","msg":0,"gcode_state":"{state}","task_id":"{task}","mc_percent":{percent},
        "mc_remaining_time":9,"subtask_name":"x","gcode_file":"/x.gcode","nozzle_temper":25.5,"nozzle_target_temper":0,
        "bed_temper":24.5,"bed_target_temper":0,"home_flag":7,"print_error":0,"spd_lvl":2,"spd_mag":100,"hms":[]}}}}"#
    )
}

/// A change of the bed's temperature.
pub(crate) fn bed(celsius: f32) -> Vec<u8> {
    message(format!(r#"{{"print":{{"command":"push_status","msg":1,"bed_temper":{celsius}}}}}"#))
}

/// An answer to an order.
pub(crate) fn answer(told: &Told, result: &str) -> Vec<u8> {
    let (category, command) = told.line["ORDER ".len()..].split_once('.').unwrap();
    let number = &told.number;
    message(format!(r#"{{"{category}":{{"command":"{command}","sequence_id":"{number}",{result}}}}}"#))
}

/// What a printer says that has nothing to complain about.
pub(crate) fn healthy_mqtt(told: &Told, scene: Scene) -> Answer {
    let mut bytes = Vec::new();
    match told.line.as_str() {
        "CONNECT" => bytes.extend(CONNACK),
        "SUBSCRIBE" => bytes.extend([0x90, 3, (told.id >> 8) as u8, told.id as u8, 0]),
        "PING" => bytes.extend([0xd0, 0]),
        "ORDER info.get_version" => {
            bytes.extend(puback(told.id));
            let module = format!(r#""module":[{{"name":"ota","sw_ver":"01.08.00.00","sn":"{SERIAL}"}}]"#);
            bytes.extend(answer(told, &module));
        }
        "ORDER pushing.pushall" => {
            bytes.extend(puback(told.id));
            bytes.extend(message(whole(scene)));
        }
        line if line.starts_with("ORDER ") => {
            bytes.extend(puback(told.id));
            bytes.extend(answer(told, r#""result":"success","reason":"success""#));
            let shows = match line {
                "ORDER print.pause" => r#""gcode_state":"PAUSE""#,
                "ORDER print.resume" => r#""gcode_state":"RUNNING""#,
                "ORDER print.stop" => r#""gcode_state":"FAILED","print_error":50348044"#,
                "ORDER print.gcode_file" => r#""gcode_state":"RUNNING","gcode_file":"/x.gcode""#,
                _ => r#""wifi_signal":"-50dBm""#,
            };
            bytes.extend(message(format!(r#"{{"print":{{"command":"push_status","msg":1,{shows}}}}}"#)));
        }
        _ => {}
    }
    say(bytes)
}

/// The next packet of the client; none when it has gone.
pub(super) async fn next_packet(from: &mut (impl AsyncRead + Unpin), inbox: &mut Vec<u8>) -> Option<Told> {
    loop {
        if let Some(told) = take_packet(inbox) {
            return Some(told);
        }
        from.read_buf(inbox).await.ok().filter(|n| *n > 0)?;
    }
}

fn take_packet(inbox: &mut Vec<u8>) -> Option<Told> {
    let (mut len, mut at) = (0, 1);
    loop {
        let byte = usize::from(*inbox.get(at)?);
        len |= (byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte < 0x80 {
            break;
        }
    }
    let body: Vec<u8> = inbox.get(at..at + len)?.into();
    let first = inbox[0];
    inbox.drain(..at + len);
    let id_at = |at: usize| u16::from_be_bytes(body[at..at + 2].try_into().unwrap());
    let mut told = Told { line: String::new(), id: 0, number: String::new(), data: 0 };
    told.line = match first >> 4 {
        1 => "CONNECT".into(),
        3 => {
            let topic = usize::from(id_at(0));
            assert_eq!(body[2..2 + topic], *format!("device/{SERIAL}/request").as_bytes());
            told.id = id_at(2 + topic);
            let order: serde_json::Value = serde_json::from_slice(&body[4 + topic..]).unwrap();
            let (category, fields) = order.as_object().unwrap().iter().next().unwrap();
            told.number = fields["sequence_id"].as_str().unwrap().into();
            format!("ORDER {category}.{}", fields["command"].as_str().unwrap())
        }
        4 => "PUBACK".into(),
        8 => {
            told.id = id_at(0);
            "SUBSCRIBE".into()
        }
        12 => "PING".into(),
        14 => "DISCONNECT".into(),
        other => panic!("a packet of type {other}"),
    };
    Some(told)
}
