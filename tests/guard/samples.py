"""Texts that the tests of detectors share."""

PROSE: dict[str, str] = {
    "English": "The committee met on Thursday, 14 March 2024, at 10:30 to go over what had been decided in 2019. Of the 1,250 "
    "letters that came in, about a third asked for the same thing: more trees along the canal, fewer parked cars, and a "
    'bench or two. Nobody spoke against it (the treasurer said it would cost 48,000 at most). "We will see," said the '
    "chair; then they went on to item 7.2 of the agenda, which has been there since version 3.1 of the plan. A secret "
    "ballot was not asked for. The account of the meeting is kept with the others, and access is free for everybody who "
    "signs in at the desk; a password is not needed. It ended at a quarter to one with tea, as always.",
    "German": "Der Ausschuss trat am Donnerstag, dem 14. März 2024, um 10:30 Uhr zusammen, um zu besprechen, was 2019 "
    "beschlossen worden war. Von den 1.250 Briefen, die eingegangen waren, bat etwa ein Drittel um dasselbe: mehr Bäume am "
    "Kanal, weniger parkende Autos und eine oder zwei Bänke. Niemand sprach dagegen; höchstens 48.000 Euro würde es kosten, "
    "sagte der Kassenwart. Ein Passwort braucht niemand, und das Geheimnis ist keines.",
    "French": "Le comité s'est réuni le jeudi 14 mars 2024 à 10 h 30 pour revoir ce qui avait été décidé en 2019. Sur les "
    "1 250 lettres reçues, un tiers environ demandait la même chose : plus d'arbres le long du canal, moins de voitures et "
    "un banc ou deux. Personne ne s'y est opposé ; cela coûterait 48 000 euros au plus, dit le trésorier.",
    "Russian": "Комитет собрался в четверг, 14 марта 2024 года, в 10:30, чтобы обсудить решения 2019 года. Из 1250 писем "
    "примерно треть просила об одном и том же: больше деревьев вдоль канала, меньше машин и одну-две скамейки.",
    "Chinese": "委员会于2024年3月14日星期四上午10:30开会,讨论2019年作出的决定。在收到的1250封信中,大约三分之一提出了同样的要求:"
    "在运河边多种树,少停车,再放一两张长椅。没有人反对。",
}
