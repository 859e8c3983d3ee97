"""The table of unsolicited result codes (TS 27.005 3.4, TS 27.007, makers' manuals). Data only; `parser` applies it."""

from __future__ import annotations

# Header line, then a line with the PDU (TS 27.005 3.4.1; +CDSI and +CMTI have one line).
TWO_LINE_URCS: frozenset[str] = frozenset({"+CMT", "+CDS", "+CBM"})

# A quoted string of theirs may hold line ends (TS 27.007 7.15).
MULTI_LINE_URCS: frozenset[str] = frozenset({"+CUSD"})

# Lines of the form `NAME: …`; a line of the running command's own name is a reply, not a URC.
PREFIXED_URCS: frozenset[str] = frozenset(
    {
        # messages
        "+CMT", "+CMTI", "+CDS", "+CDSI", "+CBM", "+CBMI", "+CMGS", "+CLASS0", "^SMMEMFULL", "*SMSFULL", "+CNMA",
        # registration, time, signal
        "+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CIREGU", "+CIREPI", "+CTZV", "+CTZE", "+CTZEU", "+CTZDST", "+NITZ",
        "*PSUTTZ", "+PSUTTZ", "*PSNWID", "DST", "+CIEV", "+CIND", "+CSQ", "+CSQN", "+CESQ", "+CPSI", "+CNSMOD",
        "^NWTIME",
        "^RSSI", "^HCSQ", "^CSNR", "^MODE", "^SRVST", "^SIMST", "^SYSSTART", "^CERSSI", "^LTERSRP", "^ANLEVEL",
        "^NTSRVCC",
        "^EARST", "^DSFLOWRPT", "^DSDORMANT", "^ECIND", "^THERM", "^LWURC", "^HWNAT", "^SIMHOTPLUG", "^STIN", "^CUSATP",
        "^BOOT", "^PLMN", "^EPSI", "^NDISSTAT", "^DCONN", "^DEND", "^DSDORMENT", "^CREJINFO", "^SMLCS", "^SSTN",
        "^SSIM",
        "^SHUTDOWN", "^SBC", "^SCKS", "^SCTM_B", "^SYSINFO", "^CSSI", "^CSSU", "^SQPORT",
        "+ZPAS", "+ZUSIMR", "+ZEND", "+ZCEND", "+ZDONR", "+ZMMI", "+ZURDY", "+ZPASR", "+ZCSQ", "+ZBANDI", "^ZEND",
        "*RADIOPOWER", "*EMRDY", "*E2REG", "*EREG", "*EPEV", "+PACSP0", "+PACSP", "_OSIGQ", "_OWANCALL", "_OSSYS",
        "_OPATEMPM",
        "+QIND", "+QUSIM", "+QSIMSTAT", "+QNITZ", "+QIURC", "+QSSTUR", "+QSTK", "+QPCMV", "+QNWLOCK", "+QCSQ",
        "#QSS", "#STN", "#PSNT", "#STTT", "#NITZ", "#CIND", "#CCLK", "#MWI", "#RFSTS", "#SMSFULL", "#NETCFG",
        "+UUSTS", "+UUSIMSTAT", "+UUPSDA", "+UUPSDD", "+UMWI", "+UCALLSTAT", "+UUSORD", "+CIREG", "+UFWUPD", "%CTZV",
        "+SIM", "+SIMREADY", "+SPN", "+STIN", "+STC", "+CUSATEND", "+CUSATS", "+CUSATP", "+CUSATT", "+CUSATA",
        "+SIMCARD",
        "+CGEV", "+CPIN", "+CFUN", "+CMWI", "+EUSIM", "+ECIND", "+MSTK", "+MSRI", "+ESIMS", "+CDEV",
        "+CCIOTOPTI", "+CSCON", "+CEDRXP", "+CMTERR", "+CRCEC", "*ISIMAID", "*MGCOUNT", "*STKCMD", "+CPTZV", "+CGREJ",
        # calls and services
        "+CRING", "+CLIP", "+CCWA", "+CNAP", "+COLP", "+CSSI", "+CSSU", "+CUSD", "+CUSDR", "+CCWV", "+DTMF", "+RXDTMF",
        "^ORIG", "^CONF", "^CONN", "^CEND", "^DDTMF", "+CDIP", "+CAOC", "+CLCC", "+VMGS", "MISSED_CALL", "VOICE CALL",
        "+CMTE", "+CBC", "+CGNSPWR", "+CSMINS", "+APP PDP", "+PDP", "+CGATT", "+NETOPEN", "+CIPEVENT", "RECV FROM",
    }
)  # fmt: skip

# Whole lines (compared in upper case, trailing blanks gone).
EXACT_URCS: frozenset[str] = frozenset(
    {
        "RING", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "CONNECT", "DELAYED", "BLACKLISTED",
        "RDY", "POWERED DOWN", "NORMAL POWER DOWN", "UNDER-VOLTAGE", "UNDER-VOLTAGE WARNING", "UNDER-VOLTAGE WARNNING",
        "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE", "OVER-VOLTAGE WARNING", "OVER-VOLTAGE WARNNING",
        "OVER-VOLTAGE POWER DOWN", "CHARGE-ONLY MODE", "ALARM MODE", "ALARM RING", "MODEM STARTUP",
        "CALL READY", "SMS READY", "SMS DONE", "PB DONE", "READY", "START", "SIM READY", "SIM NOT READY", "APP RDY",
        "*ATREADY", "+ATREADY", "+READY", "IIII", "STARTING", "BOOTING", "SYSTEM READY", "AT READY", "GPS READY",
        "+SMS FULL", "SMS FULL", "+SMSFULL", "SIM FULL", "*SMS FULL", "+CIEV", "+CRING", "^SYSSTART",
        "^SYSSTART AIRPLANE MODE", "^SHUTDOWN",
        "+SIM DROP", "+SIM READY", "SIM DROP", "SIM INSERTED", "SIM REMOVED", "+CPIN READY", "+CSMINS",
        "+QUSIM: 1", "MEMORY FULL", "RESTART", "SIM INITIALIZED", "PDP DEACT", "+PDP DEACT", "CLOSED", "+PACSP1",
        "+SIND",
    }
)  # fmt: skip

# Beginnings of lines that are neither of the form `NAME: …` nor always the same.
URC_STARTS: tuple[str, ...] = (
    "+CSQ:",
    "UNDER-VOLT",
    "OVER-VOLT",
    "VOICE CALL",
    "MISSED_CALL",
    "*ATREADY",
    "+UUREADY",
)

# Those which say that the modem has just started and forgotten its settings.
BOOT_URCS: frozenset[str] = frozenset(
    {
        "RDY", "*ATREADY", "+ATREADY", "+READY", "^SYSSTART", "SYSTEM READY", "AT READY", "MODEM STARTUP", "IIII",
        "START",
        "BOOTING", "APP RDY", "^SYSSTART AIRPLANE MODE", "STARTING", "RESTART",
    }
)  # fmt: skip

POWER_URCS: frozenset[str] = frozenset(
    {
        "NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE", "UNDER-VOLTAGE WARNING", "UNDER-VOLTAGE WARNNING",
        "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE", "OVER-VOLTAGE WARNING", "OVER-VOLTAGE WARNNING",
        "OVER-VOLTAGE POWER DOWN", "^SHUTDOWN", "^SBC",
    }
)  # fmt: skip

STORAGE_FULL_URCS: frozenset[str] = frozenset(
    {
        "^SMMEMFULL",
        "+SMS FULL",
        "SMS FULL",
        "+SMSFULL",
        "*SMS FULL",
        "*SMSFULL",
        "#SMSFULL",
        "SIM FULL",
        "MEMORY FULL",
    }
)


def urc_name(text: str) -> str | None:
    """The name under which the table knows this line as a URC, or None.

    Replies of a running command are not looked at here.
    """
    head, colon, _ = text.partition(":")
    if colon:
        if head in PREFIXED_URCS:
            return head
        head = head.rstrip().upper()
        if head in PREFIXED_URCS:
            return head
    upper = text.upper()
    if upper in EXACT_URCS:
        return upper
    return next((start for start in URC_STARTS if upper.startswith(start)), None)
