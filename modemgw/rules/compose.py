"""From a stored message to the TPDUs that go to the modem. Deterministic: a restart composes the same octets."""

from __future__ import annotations

from datetime import timedelta

from modemgw.domain.job import Job, LineRecord
from modemgw.rules.admission import fits_whole, udh_of
from modemgw.sms import (
    Address,
    Alphabet,
    Dcs,
    MessageClass,
    PduHex,
    Relative,
    SmsSubmit,
    UserData,
    encode_pdu,
    plan,
    segment,
    segment_data,
)


def compose(job: Job) -> dict[int, UserData]:
    """Header and payload of each open part, by sequence number."""
    reference = job.id & 0xFF
    if job.text is None:
        header, data = udh_of(job.udh or b""), job.data or b""
        if fits_whole(header, data):
            parts = [UserData(header, data)]
        else:
            parts = segment_data(data, header, reference=reference)
    else:
        shifted = bool(job.locking or job.single)
        outline = plan(job.text, encoding="ucs2" if job.encoding == "ucs2" else "gsm7", national=shifted)
        parts = segment(job.text, outline, reference=reference)
    if len(parts) != job.parts:
        raise ValueError(f"message {job.id} was accepted as {job.parts} parts and composes to {len(parts)}")
    return {seq: parts[seq - 1] for seq in job.queued}


def submit_pdu(job: Job, part: UserData, line: LineRecord, *, resend: bool, now: int) -> PduHex:
    """The SMS-SUBMIT of a part, as `AT+CMGS` takes it. `now` (Unix ms): the validity is what is left of it.

    TP-RD asks the service centre to drop a second copy of a part that was in doubt (TS 23.040 9.2.3.25).
    """
    left_s = max(60.0, min(job.validity_s, (job.expires_at - now) / 1000))
    tpdu = SmsSubmit(
        da=Address.parse(job.recipient),
        ud=part.ud,
        udh=part.udh,
        dcs=_dcs(job),
        pid=job.pid,
        vp=Relative(timedelta(seconds=left_s)),
        srr=job.report,
        rd=resend,
    )
    return encode_pdu(tpdu, Address.parse(line.smsc) if line.smsc else None)


def _dcs(job: Job) -> Dcs:
    if job.dcs is not None:
        return Dcs.decode(job.dcs)
    alphabet = {"gsm7": Alphabet.GSM7, "ucs2": Alphabet.UCS2, "data8": Alphabet.DATA8}[job.encoding]
    return Dcs.of(alphabet, MessageClass.CLASS0 if job.flash else None)
