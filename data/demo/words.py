"""The words of the simulated facility: names of people, titles, comments, and texts that try to do harm."""

FAMILY_NAMES = (
    "Łukaszewicz", "Jürgens", "李", "José-Marín", "Ōno", "Smith", "O'Brien", "Nguyễn", "Ångström",
    "García Ñíguez", "Müller", "Wójcik", "Кузнецова", "Παπαδόπουλος", "Çelik", "김", "Sørensen",
    "Dvořák", "Szabó", "Van der Berg", "d'Amico", "Patel", "Okonkwo", "Haddad", "Cohen",
    "Ivanov", "Tanaka", "陈", "Rossi", "Lefèvre", "Björk", "Žižek", "Popescu", "Khan", "Silva",
    "MacLeod", "Hämäläinen", "Guðmundsdóttir", "Kowalski", "Fernández", "Yıldız", "Mbeki",
    "Svensson", "Novák", "Taylor-Quince", "Ribeiro", "Schrödter", "Abebe", "Banerjee", "ʻĀina",
)  # fmt: skip

GIVEN_NAMES = (
    "Łukasz", "Jürgen", "伟", "José", "Akiko", "Anne", "Seán", "Thị Mai", "Åsa", "Íñigo", "Jörg",
    "Zofia", "Ольга", "Ελένη", "Özgür", "민준", "Søren", "Jiří", "Eszter", "Pieter", "Chiara",
    "Priya", "Chidi", "Layla", "Noa", "Dmitri", "Kenji", "静", "Marco", "Hélène", "Elin", "Živa",
    "Ion", "Imran", "Beatriz", "Fiona", "Aino", "Sigríður", "Jan", "Lucía", "Elif", "Thandi",
)  # fmt: skip

TITLES = ("Dr", "Prof", "Mr", "Ms", "Mx", None)

SUBJECTS = (
    "Conformational change in {} on ligand binding",
    "Fragment screening against {}",
    "Room-temperature structures of {}",
    "Allosteric regulation of {}: from static to dynamic",
    "Drug resistance mutants of {}",
    "Time-resolved studies of {}",
    "BAG: structural biology of {} and partners",
    "Mechanism of {} from Ångström to micrometre",
    "Membrane insertion of {}",
    "Commissioning with {}",
)

TARGETS = (
    "β-lactamase", "a bacterial ABC transporter", "photosystem II", "the ribosome", "a K⁺ channel",
    "bacteriorhodopsin", "SARS-CoV-2 Mpro", "apoferritin", "a GPCR–arrestin complex", "nitrogenase",
    "carbonic anhydrase", "a plant photoreceptor", "amyloid fibrils", "tubulin", "spliceosomal RNP",
)  # fmt: skip

COMMENTS = (
    "(-307,322,-184) Aperture: Large",
    "(-345,-241,-185) Aperture: Medium",
    "test shot",
    "nice spots, take this one",
    "Strong ice, washed in cryo stream and recollected",
    "cryoprotectant: 25 % glycerol",
    "twinned?",
    "crystal hit by user's tweezers",
    "2nd lattice visible from image 90",
    "wrong sample mounted, see next",
    "soak 2 h, 5 mM compound 17",
    "repeat with less transmission",
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} #{7*7} %s %n",
    "'; DROP TABLE DataCollection; --",
    "\u202egpj.exe\u202c right-to-left override",
    "zero\u200bwidth\u200djoined\ufeff text",
    "שלום עולם – مرحبا بالعالم",
    "combining Z͑ͫ̓ͪ̂a̴̵̜l̷̢g͚o 👩🏽‍🔬 🧪",
    "line one\nline two\ttabbed\r\nline three",
    "javascript:alert(document.cookie)",
    "</textarea></title><svg/onload=alert(1)>",
)

# A comment as long as the column of most sites allows.
LONG_COMMENT = ("A long comment about the cryoprotectant, the loop and the weather. " * 20)[:1000]

SHIPMENT_NAMES = ("Pucks", "Plates and pucks", "Grids", "Return of dewars", "Autumn run", "Rush")
COURIERS = ("DHL", "FedEx", "UPS", "World Courier", None)
