"""What gives a prompt injection away: signal → how much it weighs alone, and what it looks like.

The families are those of OWASP's LLM01:2025, and of the published attacks it cites: orders to drop earlier ones
("Ignore Previous Prompt", Perez and Ribeiro 2022), personas without rules (DAN and its kin), questions for the system
prompt, forged turns and special tokens, and orders to the model that the user shall not see ("indirect", Greshake
2023). A weight is the share of texts with this signal that are attacks, as far as the cases in tests/guard/cases tell.
"""

from typing import NamedTuple


class Signal(NamedTuple):
    """`weight`: 0 to 1, how much it says alone. `pattern`: RE2, read with `(?i)` in a text of one alphabet a word."""

    name: str
    weight: float
    pattern: str


# What may stand between words.
_S = r"[\s_.,:\-*\"']{1,5}"
_FILL = rf"(?:(?:all|any|every|each|of|the|these|those|your|my|its|above|please|and|other|such|full|just){_S}){{0,4}}"
_EARLIER = (
    r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|initial|original|system|old|existing|former|past"
    r"|your|safety|openai'?s?)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|rules|guidelines?|directions?|commands?|directives?|orders|programming|policy|policies|"
    r"content policy|constraints|restrictions|filters?|training|role)"
)
_DROP = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|neglect|discard|do not follow|don't follow|do not obey|"
    r"stop (?:following|obeying)|pay no attention to)"
)
_TOLD = (
    r"(?:you (?:have |had |were |are |'ve )?(?:been |so far )?(?:given|told|received|got|read|learned)|so far"
    r"|before(?: this| that| now)?\b|until now|above\b)"
)
_SAY = (
    r"(?:reveal|show|print|output|repeat|display|tell|give|leak|expose|write(?: out)?|return|recite|share|quote"
    r"|paste|dump|"
    r"what (?:is|are|was|were|does)|copy)"
)
_FREE = (
    rf"(?:without|no|free (?:of|from)|not bound by|unbound by|beyond){_S}(?:(?:any|all|the|your|of|moral|ethical"
    rf"|safety|content|"
    rf"legal|usual|more){_S}){{0,3}}"
    r"(?:restrictions?|limits?|limitations?|filters?|ethics|morals?|morality|rules|guidelines|guardrails|censorship"
    r"|boundaries|constraints)"
)
_AS = (
    r"(?:you are|you're|you will be|act|pretend|behave|play|role-?play|imagine|become|be|want you to|going to"
    r"|respond|answer|simulate)"
)

SIGNALS: tuple[Signal, ...] = (
    Signal(
        "override",
        0.9,
        rf"\b{_DROP}{_S}{_FILL}{_EARLIER}{_S}(?:(?:and|or|set of|system"
        rf"|of){_S}{_EARLIER}?{_S}?)?(?:\w{{1,14}}{_S}){{0,1}}{_ORDERS}\b"
        rf"|\b{_DROP}{_S}{_FILL}(?:everything|anything|what(?:ever)?|{_ORDERS}){_S}(?:that{_S})?{_TOLD}"
        rf"|\bforget{_S}(?:all{_S})?(?:about{_S})?your{_S}{_ORDERS}",
    ),
    Signal(
        "exfiltration",
        0.8,
        rf"\b{_SAY}{_S}(?:me{_S}|us{_S}|out{_S}|back{_S})?(?:the{_S}|in{_S}|all{_S}|full{_S}|exact{_S}|entire{_S}"
        rf"|complete{_S}|text{_S}|of{_S}){{0,5}}"
        rf"(?:your|its|the hidden|the secret|the above|the initial|the original){_S}"
        rf"(?:(?:hidden|secret|initial|original|full|exact|entire|system|internal|own|custom){_S}){{0,2}}"
        r"(?:system[ \-]?prompts?|prompts?|instructions|system message|pre-?prompt|configuration|guidelines)\b"
        rf"|\b(?:reveal|show|print|output|repeat|display|leak|expose|dump"
        rf"|here is){_S}(?:me{_S})?(?:the{_S})?(?:full{_S}|entire{_S})?system[ \-]?prompt\b"
        rf"|\b(?:repeat|print|output|copy|recite){_S}(?:all{_S})?(?:of{_S})?(?:the{_S})?(?:words|text|everything"
        rf"|content|sentences|lines|all)"
        rf"{_S}(?:that{_S}is{_S})?above(?:{_S}(?:this line|starting|verbatim|exactly|word for word))"
        rf"|\b(?:exact|text of the|initial|original){_S}prompt{_S}(?:you{_S}were|above|that you|given to you)"
        rf"|\bwhat{_S}were{_S}you{_S}told{_S}in{_S}your|\bwhat(?: is|'s){_S}(?:in{_S})?your{_S}(?:system{_S})?prompt\b",
    ),
    Signal(
        "persona",
        0.8,
        r"\bdo anything now\b|\b(?:you are|you're|act as|pretend to be|be|as)(?: now)? dan\b(?:[^\w]|$)(?:[^b]|$)"
        rf"|\b{_AS}\b[^.\n]{{0,60}}\b{_FREE}"
        r"|\b(?:unfiltered|uncensored|amoral|unrestricted)(?:,? (?:and )?(?:unfiltered|uncensored|amoral"
        r"|unrestricted))?"
        r" (?:ai|assistant|chat ?bot|language model|model|version of (?:yourself|you|chatgpt))\b"
        r"|\b(?:unfiltered|uncensored) and (?:amoral|unfiltered|uncensored)\b|\balways intelligent and machiavellian\b"
        rf"|\b(?:jailbreak|jailbroken|dan|god|sudo|unrestricted){_S}mode\b|\byou (?:have|are) (?:been )?jailbroken\b"
        r"|\bdeveloper mode\b[^\n]{0,60}\b(?:no|without|filters?|restrictions?|ignore|disabled?)\b",
    ),
    Signal(
        "limits_off",
        0.5,
        rf"\b(?:you (?:now )?have|there are|with|you must answer with|answer (?:everything )?with) {_FREE}"
        rf"|\b(?:bypass|disable|turn off|remove|ignore){_S}(?:all{_S})?(?:of{_S})?(?:your|the|any){_S}"
        r"(?:safety|content|ethical|moral)[ \-](?:filters?|guidelines|rules|policy|restrictions|measures)"
        r"|\byou must (?:comply|obey|agree) (?:with )?(?:to )?(?:every|all|any)\b",
    ),
    Signal(
        "behind_the_user",
        0.7,
        r"\b(?:do not|don't|never|must not|without) (?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|reveal(?:ing)?"
        r"|notify(?:ing)?|alert(?:ing)?)"
        r"(?: (?:this|it|anything|about this))?(?: to)? the user\b"
        r"|\b(?:note|message|instructions?) (?:to|for) (?:the |any )?(?:ai|llm|language model|assistant"
        r"|ai (?:assistant|agent)|chatbot)s?\b(?:[^\w]|$)"
        r"|\b(?:ai|llm|assistant|chatbot|language model)s?,?:? (?:if|when) you (?:are )?(?:read|process|summari[sz]"
        r"|pars|see)"
        r"|\b(?:send|forward|post|exfiltrate|leak) (?:all |the |this |user'?s? )*(?:user's |whole )?(?:conversation"
        r"|chat history|emails?|data|messages|credentials)"
        r" to (?:https?:|[\w.]+@|me\b|an? external)",
    ),
    Signal(
        "forged_turn",
        0.7,
        r"<\|(?:im_start|im_end|im_sep|system|user|assistant|eot_id|start_header_id)\|>"
        r"|\[/?INST\]|<</?SYS>>"
        r"|<(?:start|end)_of_turn>|</system>[^<]{0,300}<system>|\n\n(?:human|user): [^\n]{0,200}\n\n(?:assistant|ai):"
        r"|\n\n(?:assistant|user|human): [^\n]{0,200}\n\nsystem:|\n\nsystem: (?:you|ignore|new)"
        r"|^#{1,4} ?system ?(?:prompt|message)?:",
    ),
    Signal(
        "new_orders",
        0.4,
        r"<\|(?:endoftext|end|channel|message)\|>|"
        r"\bnew (?:system )?(?:instructions?|rules)\b ?:|\[?\bsystem[ _](?:override|update|alert)\b"
        r"|\bfollow these instructions instead\b"
        r"|\blisten only to me\b|\bfrom now on,? you (?:will|are|must|shall)\b|\byou are now (?:an?|the)\b"
        r"|\benter developer mode\b",
    ),
    Signal(
        "override_de",
        0.9,
        r"\b(?:ignorier\w{0,3}|vergiss|vergessen sie|missachte\w?|beachte nicht)\b(?: (?:bitte|alle|all|die|deine"
        r"|sämtliche|ihre|sie)){0,4}"
        r" (?:vorherigen|bisherigen|vorigen|obigen|früheren|vorangegangenen"
        r"|ursprünglichen) (?:\w{1,14} )?(?:anweisung|instruktion|befehl|regel|vorgabe)"
        r"|\b(?:zeig|gib|nenn|verrat)\w{0,3}\b[^.\n]{0,25}\b(?:deinen?|den) system-?prompt",
    ),
    Signal(
        "override_romance",
        0.9,
        r"\b(?:ignore[zr]?|oublie[zr]?|ne tiens pas compte d|ne tenez pas compte d)\b\W?(?:es |de |toutes? |les "
        r"|tes |vos |tous ){0,4}"
        r"(?:instructions|consignes|règles|directives)(?: qui)? ?(?:précéd|antér|ci-dessus|initial)"
        r"|\b(?:ignora|olvida|ignore|olvide|esqueça|esquece|desconsidere|desconsidera|dimentica|ignorate|dimenticate)\b"
        r"(?: (?:todas?|todos|las|los|as|os|tus|sus|suas|tutte|tutti|le|gli|i|tue|de)){0,3}"
        r" (?:instruc\w{3,6}|indica\w{3,6}|órdenes|orden\w{2}|reg\w{2,4}|istruzioni|regole|comandi)"
        r"(?: que te \w+| que você \w+)? ?(?:anterior|previ|de arriba|acima|preced|precedenti|iniciales)"
        r"|\b(?:ignora|dimentica) (?:tutte )?le (?:precedenti|istruzioni precedenti)"
        r"|\bolvida todo lo que te|\besqueça tudo o que"
        r"|\b(?:affiche[zr]?|révèle[zr]?|montre[zr]?|muéstra\w{0,3}|muestra|revela|revele|mostre|mostra)\b[^.\n]{0,25}"
        r"(?:prompt (?:système|del sistema|do sistema|di sistema)|(?:tus|suas|tes|vos|tue) (?:instru\w+"
        r"|istruzioni) (?:inicia|origina|secret|ocult))",
    ),
    Signal(
        "override_other",
        0.9,
        r"(?:игнорируй\w{0,2}|забудь\w{0,2}|не обращай\w{0,2} внимания на|не следуй)(?: \p{Cyrillic}{2,6}){0,2} "
        r"(?:предыдущ|прежн|ранн|вышеуказанн|исходн|изначальн)\p{Cyrillic}{1,4} (?:\p{Cyrillic}+ )?(?:инструкц"
        r"|указан|команд|правил|приказ)"
        r"|(?:忽略|无视|忘记|忘掉|不要理会|忽視|無視|忽略掉)[^。\n]{0,6}(?:之前|以上|上面|先前|前面|此前|所有)[^。\n]{0,4}(?:指令|指示|提示|规则|命令|要求)"
        r"|(?:以前|これまで|上記|前|今まで)の[^。\n]{0,8}(?:指示|命令|ルール|プロンプト|指令)[^。\n]{0,6}(?:無視|忘れ)"
        r"|(?:이전|위의|앞의|지금까지)[^.\n]{0,8}(?:지시|명령|지침|규칙)[^.\n]{0,8}(?:무시|잊)"
        r"|(?:تجاهل|انس|انسَ)[^.\n]{0,12}(?:التعليمات|الأوامر|تعليمات)[^.\n]{0,10}(?:السابق|أعلاه|)"
        r"|पिछले[^।\n]{0,12}(?:निर्देश|आदेश)[^।\n]{0,10}(?:अनदेखा|नज़रअंदाज़|भूल)"
        r"|\b(?:zignoruj|zapomnij|pomiń)\b[^.\n]{0,20}(?:poprzedni|wcześniejsz|powyższ)\w{1,3} (?:instrukc|polece"
        r"|zasad)"
        r"|önceki[^.\n]{0,10}(?:talimat|komut|yönerge)\p{L}{0,6}[^.\n]{0,6} (?:yok say|unut|görmezden)"
        r"|\b(?:negeer|vergeet)\b(?: (?:alle?|de|je)){0,3} (?:voorgaande|vorige|eerdere|bovenstaande) (?:instructies"
        r"|opdrachten|regels)",
    ),
)
