"""Towns along American interstates: where a simulated truck can be.

Owns the facts and nothing else: name, state, postal code, the coordinates of the town centre to about a hundredth of
a degree, and which interstate passes which towns in which order. Positions along a road are `roads.py`'s, which towns
are terminals is `fleet.py`'s.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """A town: coordinates in degrees (WGS 84), `state` the two-letter code, `postal_code` five digits."""

    city: str
    state: str
    postal_code: str
    latitude: float
    longitude: float


PLACES: tuple[Place, ...] = (
    Place("Birmingham", "AL", "35203", 33.52, -86.80),
    Place("Mobile", "AL", "36602", 30.69, -88.04),
    Place("Montgomery", "AL", "36104", 32.37, -86.30),
    Place("Tuscaloosa", "AL", "35401", 33.21, -87.57),
    Place("Fort Smith", "AR", "72901", 35.39, -94.40),
    Place("Little Rock", "AR", "72201", 34.75, -92.29),
    Place("Flagstaff", "AZ", "86001", 35.20, -111.65),
    Place("Kingman", "AZ", "86401", 35.19, -114.05),
    Place("Phoenix", "AZ", "85004", 33.45, -112.07),
    Place("Tucson", "AZ", "85701", 32.22, -110.97),
    Place("Barstow", "CA", "92311", 34.90, -117.02),
    Place("Blythe", "CA", "92225", 33.61, -114.60),
    Place("Buttonwillow", "CA", "93206", 35.40, -119.47),
    Place("Kettleman City", "CA", "93239", 36.01, -119.96),
    Place("Los Angeles", "CA", "90012", 34.05, -118.24),
    Place("Needles", "CA", "92363", 34.85, -114.61),
    Place("Palm Springs", "CA", "92262", 33.83, -116.55),
    Place("Redding", "CA", "96001", 40.59, -122.39),
    Place("Sacramento", "CA", "95814", 38.58, -121.49),
    Place("San Diego", "CA", "92101", 32.72, -117.16),
    Place("Stockton", "CA", "95202", 37.96, -121.29),
    Place("Truckee", "CA", "96161", 39.33, -120.18),
    Place("Denver", "CO", "80202", 39.74, -104.99),
    Place("Glenwood Springs", "CO", "81601", 39.55, -107.32),
    Place("Grand Junction", "CO", "81501", 39.06, -108.55),
    Place("Limon", "CO", "80828", 39.26, -103.69),
    Place("New Haven", "CT", "06510", 41.31, -72.92),
    Place("Wilmington", "DE", "19801", 39.74, -75.55),
    Place("Daytona Beach", "FL", "32114", 29.21, -81.02),
    Place("Fort Pierce", "FL", "34950", 27.45, -80.33),
    Place("Jacksonville", "FL", "32202", 30.33, -81.66),
    Place("Lake City", "FL", "32055", 30.19, -82.64),
    Place("Miami", "FL", "33130", 25.77, -80.19),
    Place("Ocala", "FL", "34471", 29.19, -82.14),
    Place("Pensacola", "FL", "32502", 30.42, -87.22),
    Place("Tallahassee", "FL", "32301", 30.44, -84.28),
    Place("Tampa", "FL", "33602", 27.95, -82.46),
    Place("Atlanta", "GA", "30303", 33.75, -84.39),
    Place("Augusta", "GA", "30901", 33.47, -81.97),
    Place("Macon", "GA", "31201", 32.84, -83.63),
    Place("Savannah", "GA", "31401", 32.08, -81.09),
    Place("Valdosta", "GA", "31601", 30.83, -83.28),
    Place("Davenport", "IA", "52801", 41.52, -90.58),
    Place("Des Moines", "IA", "50309", 41.59, -93.62),
    Place("Iowa City", "IA", "52240", 41.66, -91.53),
    Place("Coeur d'Alene", "ID", "83814", 47.68, -116.78),
    Place("Idaho Falls", "ID", "83402", 43.49, -112.03),
    Place("Pocatello", "ID", "83201", 42.87, -112.45),
    Place("Chicago", "IL", "60601", 41.88, -87.63),
    Place("Effingham", "IL", "62401", 39.12, -88.54),
    Place("Joliet", "IL", "60432", 41.53, -88.08),
    Place("Rockford", "IL", "61101", 42.27, -89.09),
    Place("Gary", "IN", "46402", 41.59, -87.35),
    Place("Indianapolis", "IN", "46204", 39.77, -86.16),
    Place("Lafayette", "IN", "47901", 40.42, -86.88),
    Place("South Bend", "IN", "46601", 41.68, -86.25),
    Place("Terre Haute", "IN", "47807", 39.47, -87.41),
    Place("Colby", "KS", "67701", 39.40, -101.05),
    Place("Emporia", "KS", "66801", 38.40, -96.18),
    Place("Hays", "KS", "67601", 38.88, -99.33),
    Place("Salina", "KS", "67401", 38.84, -97.61),
    Place("Topeka", "KS", "66603", 39.05, -95.68),
    Place("Wichita", "KS", "67202", 37.69, -97.34),
    Place("Bowling Green", "KY", "42101", 36.99, -86.44),
    Place("Lexington", "KY", "40507", 38.04, -84.50),
    Place("Louisville", "KY", "40202", 38.25, -85.76),
    Place("Baton Rouge", "LA", "70801", 30.45, -91.19),
    Place("Lafayette", "LA", "70501", 30.22, -92.02),
    Place("Lake Charles", "LA", "70601", 30.23, -93.22),
    Place("Monroe", "LA", "71201", 32.51, -92.12),
    Place("New Orleans", "LA", "70112", 29.95, -90.07),
    Place("Shreveport", "LA", "71101", 32.51, -93.75),
    Place("Boston", "MA", "02108", 42.36, -71.06),
    Place("Springfield", "MA", "01103", 42.10, -72.59),
    Place("Worcester", "MA", "01608", 42.26, -71.80),
    Place("Baltimore", "MD", "21201", 39.29, -76.61),
    Place("Frederick", "MD", "21701", 39.41, -77.41),
    Place("Hagerstown", "MD", "21740", 39.64, -77.72),
    Place("Portland", "ME", "04101", 43.66, -70.26),
    Place("Detroit", "MI", "48226", 42.33, -83.05),
    Place("Flint", "MI", "48502", 43.01, -83.69),
    Place("Albert Lea", "MN", "56007", 43.65, -93.37),
    Place("Duluth", "MN", "55802", 46.79, -92.10),
    Place("Minneapolis", "MN", "55401", 44.98, -93.27),
    Place("Columbia", "MO", "65201", 38.95, -92.33),
    Place("Kansas City", "MO", "64106", 39.10, -94.58),
    Place("St. Louis", "MO", "63101", 38.63, -90.20),
    Place("Gulfport", "MS", "39501", 30.37, -89.09),
    Place("Jackson", "MS", "39201", 32.30, -90.18),
    Place("Meridian", "MS", "39301", 32.36, -88.70),
    Place("Billings", "MT", "59101", 45.78, -108.50),
    Place("Bozeman", "MT", "59715", 45.68, -111.04),
    Place("Butte", "MT", "59701", 46.00, -112.53),
    Place("Great Falls", "MT", "59401", 47.51, -111.30),
    Place("Helena", "MT", "59601", 46.59, -112.04),
    Place("Missoula", "MT", "59802", 46.87, -113.99),
    Place("Asheville", "NC", "28801", 35.60, -82.55),
    Place("Fayetteville", "NC", "28301", 35.05, -78.88),
    Place("Greensboro", "NC", "27401", 36.07, -79.79),
    Place("Raleigh", "NC", "27601", 35.78, -78.64),
    Place("Rocky Mount", "NC", "27804", 35.94, -77.80),
    Place("Wilmington", "NC", "28401", 34.23, -77.94),
    Place("Winston-Salem", "NC", "27101", 36.10, -80.24),
    Place("Grand Island", "NE", "68801", 40.92, -98.34),
    Place("Kearney", "NE", "68847", 40.70, -99.08),
    Place("Lincoln", "NE", "68508", 40.81, -96.70),
    Place("North Platte", "NE", "69101", 41.12, -100.77),
    Place("Omaha", "NE", "68102", 41.26, -95.94),
    Place("Sidney", "NE", "69162", 41.14, -102.98),
    Place("Newark", "NJ", "07102", 40.74, -74.17),
    Place("Teaneck", "NJ", "07666", 40.89, -74.01),
    Place("Albuquerque", "NM", "87102", 35.08, -106.65),
    Place("Gallup", "NM", "87301", 35.53, -108.74),
    Place("Las Cruces", "NM", "88001", 32.31, -106.78),
    Place("Lordsburg", "NM", "88045", 32.35, -108.71),
    Place("Santa Rosa", "NM", "88435", 34.94, -104.68),
    Place("Tucumcari", "NM", "88401", 35.17, -103.73),
    Place("Elko", "NV", "89801", 40.83, -115.76),
    Place("Las Vegas", "NV", "89101", 36.17, -115.14),
    Place("Reno", "NV", "89501", 39.53, -119.81),
    Place("Winnemucca", "NV", "89445", 40.97, -117.74),
    Place("Albany", "NY", "12207", 42.65, -73.76),
    Place("Binghamton", "NY", "13901", 42.10, -75.91),
    Place("Buffalo", "NY", "14202", 42.89, -78.88),
    Place("Rochester", "NY", "14604", 43.16, -77.61),
    Place("Syracuse", "NY", "13202", 43.05, -76.15),
    Place("Watertown", "NY", "13601", 43.97, -75.91),
    Place("Akron", "OH", "44308", 41.08, -81.52),
    Place("Cincinnati", "OH", "45202", 39.10, -84.51),
    Place("Cleveland", "OH", "44114", 41.50, -81.69),
    Place("Columbus", "OH", "43215", 39.96, -83.00),
    Place("Dayton", "OH", "45402", 39.76, -84.19),
    Place("Lima", "OH", "45801", 40.74, -84.11),
    Place("Toledo", "OH", "43604", 41.65, -83.54),
    Place("Youngstown", "OH", "44503", 41.10, -80.65),
    Place("Zanesville", "OH", "43701", 39.94, -82.01),
    Place("Elk City", "OK", "73644", 35.41, -99.40),
    Place("Ardmore", "OK", "73401", 34.17, -97.14),
    Place("Oklahoma City", "OK", "73102", 35.47, -97.52),
    Place("Eugene", "OR", "97401", 44.05, -123.09),
    Place("Medford", "OR", "97501", 42.33, -122.87),
    Place("Portland", "OR", "97204", 45.52, -122.68),
    Place("Salem", "OR", "97301", 44.94, -123.04),
    Place("Bedford", "PA", "15522", 40.02, -78.50),
    Place("Bloomsburg", "PA", "17815", 41.00, -76.46),
    Place("Breezewood", "PA", "15533", 40.00, -78.24),
    Place("Carlisle", "PA", "17013", 40.20, -77.19),
    Place("Clearfield", "PA", "16830", 41.03, -78.44),
    Place("Erie", "PA", "16501", 42.13, -80.09),
    Place("Harrisburg", "PA", "17101", 40.27, -76.88),
    Place("Hazleton", "PA", "18201", 40.96, -75.97),
    Place("King of Prussia", "PA", "19406", 40.10, -75.38),
    Place("Philadelphia", "PA", "19103", 39.95, -75.17),
    Place("Pittsburgh", "PA", "15222", 40.44, -79.99),
    Place("Scranton", "PA", "18503", 41.41, -75.66),
    Place("Somerset", "PA", "15501", 40.01, -79.08),
    Place("Stroudsburg", "PA", "18360", 40.99, -75.19),
    Place("Washington", "PA", "15301", 40.17, -80.25),
    Place("Providence", "RI", "02903", 41.82, -71.41),
    Place("Columbia", "SC", "29201", 34.00, -81.03),
    Place("Florence", "SC", "29501", 34.20, -79.76),
    Place("Mitchell", "SD", "57301", 43.71, -98.03),
    Place("Murdo", "SD", "57559", 43.89, -100.71),
    Place("Rapid City", "SD", "57701", 44.08, -103.23),
    Place("Sioux Falls", "SD", "57104", 43.55, -96.73),
    Place("Chattanooga", "TN", "37402", 35.05, -85.31),
    Place("Cookeville", "TN", "38501", 36.16, -85.50),
    Place("Jackson", "TN", "38301", 35.61, -88.81),
    Place("Knoxville", "TN", "37902", 35.96, -83.92),
    Place("Memphis", "TN", "38103", 35.15, -90.05),
    Place("Nashville", "TN", "37203", 36.16, -86.78),
    Place("Abilene", "TX", "79601", 32.45, -99.73),
    Place("Amarillo", "TX", "79101", 35.22, -101.83),
    Place("Austin", "TX", "78701", 30.27, -97.74),
    Place("Beaumont", "TX", "77701", 30.08, -94.10),
    Place("Dallas", "TX", "75201", 32.78, -96.80),
    Place("El Paso", "TX", "79901", 31.76, -106.49),
    Place("Fort Stockton", "TX", "79735", 30.89, -102.88),
    Place("Fort Worth", "TX", "76102", 32.75, -97.33),
    Place("Houston", "TX", "77002", 29.76, -95.37),
    Place("Junction", "TX", "76849", 30.49, -99.77),
    Place("Laredo", "TX", "78040", 27.51, -99.51),
    Place("Longview", "TX", "75601", 32.50, -94.74),
    Place("Midland", "TX", "79701", 32.00, -102.08),
    Place("San Antonio", "TX", "78205", 29.42, -98.49),
    Place("Van Horn", "TX", "79855", 31.04, -104.83),
    Place("Waco", "TX", "76701", 31.55, -97.15),
    Place("Cedar City", "UT", "84720", 37.68, -113.06),
    Place("Provo", "UT", "84601", 40.23, -111.66),
    Place("Salt Lake City", "UT", "84101", 40.76, -111.89),
    Place("St. George", "UT", "84770", 37.10, -113.58),
    Place("Wendover", "UT", "84083", 40.74, -114.04),
    Place("Alexandria", "VA", "22314", 38.80, -77.05),
    Place("Bristol", "VA", "24201", 36.60, -82.19),
    Place("Fredericksburg", "VA", "22401", 38.30, -77.46),
    Place("Harrisonburg", "VA", "22801", 38.45, -78.87),
    Place("Richmond", "VA", "23219", 37.54, -77.44),
    Place("Roanoke", "VA", "24011", 37.27, -79.94),
    Place("Winchester", "VA", "22601", 39.19, -78.16),
    Place("Wytheville", "VA", "24382", 36.95, -81.08),
    Place("Bellingham", "WA", "98225", 48.75, -122.48),
    Place("Ellensburg", "WA", "98926", 47.00, -120.55),
    Place("Olympia", "WA", "98501", 47.04, -122.90),
    Place("Seattle", "WA", "98104", 47.61, -122.33),
    Place("Spokane", "WA", "99201", 47.66, -117.43),
    Place("La Crosse", "WI", "54601", 43.81, -91.25),
    Place("Madison", "WI", "53703", 43.07, -89.40),
    Place("Wheeling", "WV", "26003", 40.06, -80.72),
    Place("Cheyenne", "WY", "82001", 41.14, -104.82),
    Place("Evanston", "WY", "82930", 41.27, -110.96),
    Place("Gillette", "WY", "82716", 44.29, -105.50),
    Place("Laramie", "WY", "82070", 41.31, -105.59),
    Place("Rawlins", "WY", "82301", 41.79, -107.24),
    Place("Rock Springs", "WY", "82901", 41.59, -109.20),
    Place("Sheridan", "WY", "82801", 44.80, -106.96),
)

CORRIDORS = """
I-5: San Diego CA, Los Angeles CA, Buttonwillow CA, Kettleman City CA, Stockton CA, Sacramento CA, Redding CA, Medford
  OR, Eugene OR, Salem OR, Portland OR, Olympia WA, Seattle WA, Bellingham WA

I-10: Los Angeles CA, Palm Springs CA, Blythe CA, Phoenix AZ, Tucson AZ, Lordsburg NM, Las Cruces NM, El Paso TX, Van
  Horn TX, Fort Stockton TX, Junction TX, San Antonio TX, Houston TX, Beaumont TX, Lake Charles LA, Lafayette LA,
  Baton Rouge LA, New Orleans LA, Gulfport MS, Mobile AL, Pensacola FL, Tallahassee FL, Lake City FL, Jacksonville FL

I-15: San Diego CA, Barstow CA, Las Vegas NV, St. George UT, Cedar City UT, Provo UT, Salt Lake City UT, Pocatello ID,
  Idaho Falls ID, Butte MT, Helena MT, Great Falls MT

I-20: Midland TX, Abilene TX, Fort Worth TX, Dallas TX, Longview TX, Shreveport LA, Monroe LA, Jackson MS, Meridian
  MS, Tuscaloosa AL, Birmingham AL, Atlanta GA, Augusta GA, Columbia SC, Florence SC

I-35: Laredo TX, San Antonio TX, Austin TX, Waco TX, Dallas TX, Ardmore OK, Oklahoma City OK, Wichita KS, Emporia KS,
  Kansas City MO, Des Moines IA, Albert Lea MN, Minneapolis MN, Duluth MN

I-40: Barstow CA, Needles CA, Kingman AZ, Flagstaff AZ, Gallup NM, Albuquerque NM, Santa Rosa NM, Tucumcari NM,
  Amarillo TX, Elk City OK, Oklahoma City OK, Fort Smith AR, Little Rock AR, Memphis TN, Jackson TN, Nashville TN,
  Cookeville TN, Knoxville TN, Asheville NC, Winston-Salem NC, Greensboro NC, Raleigh NC, Wilmington NC

I-65: Mobile AL, Montgomery AL, Birmingham AL, Nashville TN, Bowling Green KY, Louisville KY, Indianapolis IN,
  Lafayette IN, Gary IN

I-70: Grand Junction CO, Glenwood Springs CO, Denver CO, Limon CO, Colby KS, Hays KS, Salina KS, Topeka KS, Kansas
  City MO, Columbia MO, St. Louis MO, Effingham IL, Terre Haute IN, Indianapolis IN, Dayton OH, Columbus OH,
  Zanesville OH, Wheeling WV, Washington PA, Breezewood PA, Hagerstown MD, Frederick MD, Baltimore MD

I-75: Tampa FL, Ocala FL, Lake City FL, Valdosta GA, Macon GA, Atlanta GA, Chattanooga TN, Knoxville TN, Lexington KY,
  Cincinnati OH, Dayton OH, Lima OH, Toledo OH, Detroit MI, Flint MI

I-76: Akron OH, Youngstown OH, Pittsburgh PA, Somerset PA, Bedford PA, Breezewood PA, Carlisle PA, Harrisburg PA, King
  of Prussia PA, Philadelphia PA

I-80: Sacramento CA, Truckee CA, Reno NV, Winnemucca NV, Elko NV, Wendover UT, Salt Lake City UT, Evanston WY, Rock
  Springs WY, Rawlins WY, Laramie WY, Cheyenne WY, Sidney NE, North Platte NE, Kearney NE, Grand Island NE, Lincoln
  NE, Omaha NE, Des Moines IA, Iowa City IA, Davenport IA, Joliet IL, South Bend IN, Toledo OH, Youngstown OH,
  Clearfield PA, Bloomsburg PA, Stroudsburg PA, Teaneck NJ

I-81: Knoxville TN, Bristol VA, Wytheville VA, Roanoke VA, Harrisonburg VA, Winchester VA, Hagerstown MD, Carlisle PA,
  Harrisburg PA, Hazleton PA, Scranton PA, Binghamton NY, Syracuse NY, Watertown NY

I-90: Seattle WA, Ellensburg WA, Spokane WA, Coeur d'Alene ID, Missoula MT, Butte MT, Bozeman MT, Billings MT,
  Sheridan WY, Gillette WY, Rapid City SD, Murdo SD, Mitchell SD, Sioux Falls SD, Albert Lea MN, La Crosse WI, Madison
  WI, Rockford IL, Chicago IL, Gary IN, South Bend IN, Toledo OH, Cleveland OH, Erie PA, Buffalo NY, Rochester NY,
  Syracuse NY, Albany NY, Springfield MA, Worcester MA, Boston MA

I-95: Miami FL, Fort Pierce FL, Daytona Beach FL, Jacksonville FL, Savannah GA, Florence SC, Fayetteville NC, Rocky
  Mount NC, Richmond VA, Fredericksburg VA, Alexandria VA, Baltimore MD, Wilmington DE, Philadelphia PA, Newark NJ,
  New Haven CT, Providence RI, Boston MA, Portland ME
"""
"""Interstates with their waypoints, from south to north or from west to east."""
